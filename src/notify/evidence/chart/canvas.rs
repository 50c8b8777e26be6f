//! Lines and bands on a grid of pixels, each of which holds one ink in one of four strengths.

/// What a pixel can be covered with. Drawn later covers what was drawn before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The time during which an alert fired.
    Firing,
    /// Under the only line.
    Area,
    /// The lower edge.
    Edge,
    /// The threshold.
    Threshold,
    /// One of the lines.
    Line(u8),
}

/// Strengths of an ink, for smooth edges.
pub(super) const STRENGTHS: u8 = 4;

/// Inks by their place in the palette, as red, green, blue and opacity. Middle tones, seen on light and on dark.
pub(super) const INKS: [(u8, u8, u8, u8); 8] = [
    (217, 48, 37, 26),
    (47, 127, 214, 36),
    (138, 148, 160, 150),
    (217, 48, 37, 255),
    (47, 127, 214, 255),
    (217, 119, 6, 255),
    (13, 148, 136, 255),
    (150, 100, 220, 255),
];

impl Ink {
    fn place(self) -> u8 {
        match self {
            Self::Firing => 0,
            Self::Area => 1,
            Self::Edge => 2,
            Self::Threshold => 3,
            Self::Line(number) => 4 + number % 4,
        }
    }
}

/// A picture in the making; 0 is nothing, otherwise see [`Canvas::index`].
pub(super) struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
    smooth: bool,
}

impl Canvas {
    pub fn new(width: usize, height: usize, smooth: bool) -> Self {
        Self { width, height, pixels: vec![0; width * height], smooth }
    }

    /// The palette's index of an ink in a strength from 1 to [`STRENGTHS`].
    fn index(ink: Ink, strength: u8) -> u8 {
        1 + ink.place() * STRENGTHS + (strength - 1)
    }

    /// Covers a pixel by a part of 0 to 1.
    fn dab(&mut self, x: usize, y: usize, ink: Ink, part: f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 4
        let strength = match self.smooth {
            true => (part.clamp(0.0, 1.0) * f64::from(STRENGTHS)).round() as u8,
            false if part >= 0.5 => STRENGTHS,
            false => 0,
        };
        if strength == 0 || x >= self.width {
            return;
        }
        let Some(pixel) = self.pixels.get_mut(y * self.width + x) else { return };
        let (own, new) = (Self::index(ink, 1)..=Self::index(ink, STRENGTHS), Self::index(ink, strength));
        // A weak edge does not wipe out another line.
        let covers =
            if own.contains(pixel) { *pixel < new } else { strength * 2 >= STRENGTHS || *pixel <= 2 * STRENGTHS };
        if covers {
            *pixel = new;
        }
    }

    /// Fills the pixels from one corner to another, the second left out.
    pub fn fill(&mut self, (left, top): (usize, usize), (right, bottom): (usize, usize), ink: Ink) {
        for y in top..bottom.min(self.height) {
            for x in left..right.min(self.width) {
                self.dab(x, y, ink, 1.0);
            }
        }
    }

    /// A line between two points, with round ends.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within the canvas
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), thickness: f64, ink: Ink) {
        let half = thickness / 2.0;
        let reach = half + 1.0;
        let bound = |value: f64, most: usize| value.clamp(0.0, most as f64) as usize;
        let (left, right) = (bound(from.0.min(to.0) - reach, self.width), bound(from.0.max(to.0) + reach, self.width));
        let (top, bottom) =
            (bound(from.1.min(to.1) - reach, self.height), bound(from.1.max(to.1) + reach, self.height));
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).max(1e-9);
        for y in top..bottom {
            for x in left..right {
                let (px, py) = (x as f64 + 0.5 - from.0, y as f64 + 0.5 - from.1);
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let distance = (px - along * dx).hypot(py - along * dy);
                self.dab(x, y, ink, half + 0.5 - distance);
            }
        }
    }
}
