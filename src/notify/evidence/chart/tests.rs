//! What a chart shows, whatever the series.

use proptest::prelude::*;

use super::*;

const START: i64 = 1_795_400_040_000;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(START + minute * 60_000)
}

fn chart(points: Vec<(Timestamp, f64)>) -> Chart {
    Chart {
        title: "chat_memory_queue_depth".to_owned(),
        unit: Unit::Rows,
        from: at(0),
        to: at(60),
        step: StdDuration::from_secs(60),
        lines: vec![Line { name: String::new(), points }],
        threshold: Some(100.0),
        fired_at: Some(at(40)),
        over_at: None,
    }
}

/// Width, height and the colours of the pixels; refuses what a reader of PNG would refuse.
fn decoded(picture: &[u8]) -> (usize, usize, Vec<[u8; 4]>) {
    let mut rest = picture.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("the signature");
    let mut parts = std::collections::BTreeMap::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four")) as usize;
        let (part, after) = rest[4..].split_at(4 + length);
        let sum = u32::from_be_bytes(after[..4].try_into().expect("four"));
        assert_eq!(png::checksum(part), sum);
        parts.insert(String::from_utf8_lossy(&part[..4]).into_owned(), part[4..].to_vec());
        rest = &after[4..];
    }
    let number = |at: usize| u32::from_be_bytes(parts["IHDR"][at..at + 4].try_into().expect("four")) as usize;
    let (width, height) = (number(0), number(4));
    let rows = miniz_oxide::inflate::decompress_to_vec_zlib(&parts["IDAT"]).expect("packed rows");
    assert_eq!(rows.len(), (width + 1) * height);
    let (colours, opacities) = (&parts["PLTE"], &parts["tRNS"]);
    assert_eq!(colours.len(), opacities.len() * 3);
    let colour = |index: u8| {
        let at = usize::from(index);
        [colours[3 * at], colours[3 * at + 1], colours[3 * at + 2], opacities[at]]
    };
    let pixels = rows.chunks_exact(width + 1).flat_map(|row| {
        assert_eq!(row[0], 0);
        row[1..].iter().map(|index| colour(*index))
    });
    (width, height, pixels.collect())
}

#[test]
fn the_checksum_is_the_one_that_everybody_uses() {
    assert_eq!(png::checksum(b"123456789"), 0xCBF4_3926);
}

const BLUE: [u8; 3] = [47, 127, 214];

/// Whether the line is seen in the column of this minute.
fn seen(picture: &[u8], minute: usize) -> bool {
    let (width, height, pixels) = decoded(picture);
    let x = (4 + minute * (width - 8) / 60).min(width - 1);
    (0..height).any(|y| pixels[y * width + x][..3] == BLUE && pixels[y * width + x][3] > 200)
}

#[test]
fn a_gap_in_the_series_is_a_gap_in_the_line() {
    let points = (0..=60).filter(|minute| !(20..30).contains(minute)).map(|minute| (at(minute), 90.0 + minute as f64));
    let chart = chart(points.collect());
    let picture = chart.png().expect("a picture");
    for (minute, there) in [(5, true), (18, true), (24, false), (27, false), (31, true), (55, true)] {
        assert_eq!(seen(&picture, minute), there, "minute {minute}");
    }
    assert!(chart.words().contains("at the end, with gaps."), "{}", chart.words());
}

#[test]
fn the_words_say_what_the_picture_shows() {
    let chart = chart((0..=60).map(|minute| (at(minute), minute as f64 * 2.5)).collect());
    assert_eq!(
        chart.words(),
        "From 02:14 to 03:14 UTC: between 0 rows and 150 rows, 150 rows at the end. Threshold 100 rows. \
         Firing since 02:54 UTC."
    );
    assert_eq!(chart.scale(), (0.0, 162.0));
    let flat = Chart { lines: vec![Line { name: "a".into(), points: vec![(at(1), 1.0)] }, Line::default()], ..chart };
    assert_eq!(
        flat.words(),
        "From 02:14 to 03:14 UTC: a: always 1 row. no values. Threshold 100 rows. Firing since 02:54 UTC."
    );
}

#[test]
fn a_value_near_its_threshold_is_not_pressed_against_the_edge() {
    let mut chart = chart((0..=60).map(|minute| (at(minute), 0.985 + minute as f64 * 0.0001)).collect());
    chart.threshold = Some(0.99);
    let (low, high) = chart.scale();
    assert!(low > 0.98 && high < 1.0, "{low} {high}");
}

#[test]
fn a_usual_chart_is_a_few_kilobytes() {
    let wave = |minute: i64| (at(minute), 80.0 + 60.0 * (minute as f64 / 9.0).sin() + (minute % 7) as f64);
    let picture = chart((0..=60).map(wave).collect()).png().expect("a picture");
    let (width, _, pixels) = decoded(&picture);
    assert_eq!(width, 1120, "not made smaller");
    assert!(picture.len() < 12_000, "{} bytes", picture.len());
    let red = pixels.iter().filter(|pixel| pixel[..3] == [217, 48, 37] && pixel[3] == 255).count();
    assert!(red > 1000, "the threshold is drawn: {red}");
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -1e6..1e6f64,
        2 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(0.0),
    ]
}

fn point() -> impl Strategy<Value = (Timestamp, f64)> {
    (-10_000_000i64..10_000_000, value()).prop_map(|(offset, v)| (Timestamp::from_millis(START + offset), v))
}

fn points() -> impl Strategy<Value = Vec<(Timestamp, f64)>> {
    prop_oneof![
        1 => Just(Vec::new()),
        1 => point().prop_map(|point| vec![point]),
        2 => proptest::collection::vec(point(), 0..80),
        4 => proptest::collection::vec(value(), 61).prop_map(|values| (0..).map(at).zip(values).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_series_the_picture_is_whole_and_small(
        lines in proptest::collection::vec(points(), 0..6),
        threshold in proptest::option::of(value()),
        fired in proptest::option::of(any::<i64>()),
        length in -10i64..100_000,
    ) {
        let lines = lines.into_iter().map(|points| Line { name: "x".into(), points }).collect();
        let fired_at = fired.map(Timestamp::from_millis);
        let to = Timestamp::from_millis(START + length * 1000);
        let chart = Chart { lines, threshold, fired_at, to, ..chart(Vec::new()) };
        let picture = chart.png().expect("a picture");
        prop_assert!(picture.len() <= Chart::LARGEST);
        let (width, height, pixels) = decoded(&picture);
        prop_assert_eq!(width * height, pixels.len());
        prop_assert!(!chart.words().is_empty() && serde_json::to_string(&chart).is_ok());
    }
}
