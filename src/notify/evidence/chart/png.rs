//! A plot as PNG with a palette, at twice the size in which it is shown; smaller if it would get too large.

use super::canvas::{Canvas, INKS, Ink, STRENGTHS};
use super::{Chart, Plot};

/// Width, height and whether edges are smooth, tried in turn until the picture is small enough. The proportions are
/// the same, so that it does not matter which it was. The last holds 25,200 pixels of few colours.
const SIZES: [(usize, usize, bool); 4] = [(1120, 360, true), (560, 180, true), (560, 180, false), (280, 90, false)];

/// The picture.
pub(super) fn render(plot: &Plot) -> Option<Vec<u8>> {
    let pictures = SIZES.iter().map(|(width, height, smooth)| encode(&draw(plot, *width, *height, *smooth)));
    pictures.flatten().find(|picture| picture.len() <= Chart::LARGEST)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within the canvas
fn draw(plot: &Plot, width: usize, height: usize, smooth: bool) -> Canvas {
    let mut canvas = Canvas::new(width, height, smooth);
    let unit = (width as f64 / 560.0).max(0.75);
    // Half a line's thickness of room on each side.
    let (inner_width, inner_height) = (width as f64 - 4.0 * unit, height as f64 - 4.0 * unit);
    let place = |(x, y): (f64, f64)| (2.0 * unit + x * inner_width, 2.0 * unit + (1.0 - y) * inner_height);
    if let Some((from, to)) = plot.firing {
        let (left, right) = (place((from, 0.0)).0, place((to, 0.0)).0.max(place((from, 0.0)).0 + unit));
        canvas.fill((left as usize, 0), (right.ceil() as usize, height), Ink::Firing);
    }
    if let [only] = plot.lines.as_slice() {
        only.iter().for_each(|run| area(&mut canvas, run, &place));
    }
    let bottom = place((0.0, 0.0)).1 + unit;
    canvas.line((0.0, bottom), (width as f64, bottom), unit, Ink::Edge);
    if let Some(threshold) = plot.threshold {
        let y = place((0.0, threshold)).1;
        let (dash, gap) = (9.0 * unit, 6.0 * unit);
        let mut x = 0.0;
        while x < width as f64 {
            canvas.line((x, y), ((x + dash).min(width as f64), y), 1.5 * unit, Ink::Threshold);
            x += dash + gap;
        }
    }
    for (number, runs) in plot.lines.iter().enumerate() {
        let ink = Ink::Line(u8::try_from(number).unwrap_or(0));
        for run in runs {
            for pair in run.windows(2) {
                if let [from, to] = pair {
                    canvas.line(place(*from), place(*to), 2.0 * unit, ink);
                }
            }
            if let [alone] = run.as_slice() {
                canvas.line(place(*alone), place(*alone), 4.0 * unit, ink);
            }
        }
    }
    canvas
}

/// What lies under a run of points.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within the canvas
fn area(canvas: &mut Canvas, run: &[(f64, f64)], place: &dyn Fn((f64, f64)) -> (f64, f64)) {
    for pair in run.windows(2) {
        let [from, to] = pair else { continue };
        let ((x0, y0), (x1, y1)) = (place(*from), place(*to));
        for x in x0 as usize..x1 as usize {
            let part = ((x as f64 - x0) / (x1 - x0).max(1e-9)).clamp(0.0, 1.0);
            canvas.fill((x, (y0 + part * (y1 - y0)) as usize), (x + 1, canvas.height), Ink::Area);
        }
    }
}

/// The file around the pixels: a head, the palette with its opacities, and the rows, packed.
fn encode(canvas: &Canvas) -> Option<Vec<u8>> {
    let (mut colours, mut opacities) = (vec![0, 0, 0], vec![0]);
    for (red, green, blue, opacity) in INKS {
        for strength in 1..=u16::from(STRENGTHS) {
            colours.extend([red, green, blue]);
            opacities.push(u8::try_from(u16::from(opacity) * strength / u16::from(STRENGTHS)).unwrap_or(opacity));
        }
    }
    let mut head = Vec::new();
    head.extend(u32::try_from(canvas.width).ok()?.to_be_bytes());
    head.extend(u32::try_from(canvas.height).ok()?.to_be_bytes());
    // Eight bits a pixel, a palette, and the only kinds there are of compression, filter and order.
    head.extend([8, 3, 0, 0, 0]);
    // Each row begins with its filter; 0 is none, because neighbours in a palette are not alike.
    let rows: Vec<u8> = canvas
        .pixels
        .chunks_exact(canvas.width)
        .flat_map(|row| std::iter::once(0).chain(row.iter().copied()))
        .collect();
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&rows, 9);
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    let parts: [(&[u8; 4], &[u8]); 5] =
        [(b"IHDR", &head), (b"PLTE", &colours), (b"tRNS", &opacities), (b"IDAT", &packed), (b"IEND", &[])];
    for (name, content) in parts {
        picture.extend(u32::try_from(content.len()).ok()?.to_be_bytes());
        picture.extend(name);
        picture.extend(content);
        picture.extend(checksum([name.as_slice(), content].concat().as_slice()).to_be_bytes());
    }
    Some(picture)
}

/// CRC-32, as PNG and zip have it.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 })
    })
}
