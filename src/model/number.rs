//! Numbers as text in Go's spelling, which labels, the HTTP API and rules share with Prometheus.
//!
//! Always the fewest digits that read back as the same number.

/// All digits and no exponent: `0.000001`, `100`, `+Inf`, `NaN`.
#[must_use]
pub fn plain(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        v => even_digit(v, v.to_string()),
    }
}

/// With an exponent of at least two digits: `1e-06`, `1e+02`, `+Inf`, `NaN`.
#[must_use]
pub fn with_exponent(value: f64) -> String {
    if !value.is_finite() {
        return plain(value);
    }
    let text = even_digit(value, format!("{value:e}"));
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Rust rounds the last digit up where the number lies in the middle between two, Go to the even one.
fn even_digit(value: f64, mut text: String) -> String {
    // With fewer digits both cannot read back as the same number.
    if text.len() < 16 || !value.is_finite() {
        return text;
    }
    let shortest = format!("{value:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let even = format!("{value:.*e}", digits.saturating_sub(1));
    let last = even.split('e').next().and_then(|mantissa| mantissa.chars().last());
    let place = text.split('e').next().and_then(|mantissa| mantissa.rfind(|c| matches!(c, '1'..='9')));
    let is_another = even != shortest && even.parse() == Ok(value);
    if let (true, Some(last), Some(place)) = (is_another, last, place) {
        text.replace_range(place..=place, last.encode_utf8(&mut [0; 4]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelt_as_go_spells_them() {
        for (value, without, with) in [
            (1.0, "1", "1e+00"),
            (0.05, "0.05", "5e-02"),
            (-123.5, "-123.5", "-1.235e+02"),
            (1e21, "1000000000000000000000", "1e+21"),
            (-0.0, "-0", "-0e+00"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ] {
            assert_eq!((plain(value).as_str(), with_exponent(value).as_str()), (without, with));
        }
    }

    #[test]
    fn of_two_last_digits_that_are_as_good_the_even_one_is_written() {
        // Exactly 24.4799957275390625.
        let value = 24.479_995_727_539_062;
        assert_eq!(plain(value), "24.479995727539062");
        assert_eq!(with_exponent(value), "2.4479995727539062e+01");
        assert_eq!(plain(0.1 + 0.2), "0.30000000000000004");
    }
}
