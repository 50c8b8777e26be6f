//! How the rate goes over time: one row for each profile, as shares of a rate and of a length.
//!
//! `breakpoint` has no stages: its steps are found as it goes (`search`).

use std::time::Duration as StdDuration;

use super::arrivals::Stage;

/// A stage as shares: of the length, and of the rate at its beginning and end.
type Part = (f64, f64, f64);

/// One row of [`PROFILES`].
#[derive(Debug)]
pub struct Profile {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// Arrivals a second unless told otherwise: the full rate.
    pub rate: f64,
    /// How long it takes unless told otherwise; of `breakpoint` one step.
    pub length: StdDuration,
    /// Its stages; none for a search.
    parts: &'static [Part],
}

const MINUTE: u64 = 60;

/// Every profile.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "smoke",
        about: "a few requests: does everything work at all",
        rate: 1.0,
        length: StdDuration::from_secs(30),
        parts: &[(1.0, 1.0, 1.0)],
    },
    Profile {
        name: "average",
        about: "an ordinary day, with a rise and a fall",
        rate: 10.0,
        length: StdDuration::from_secs(5 * MINUTE),
        parts: &[(0.1, 0.0, 1.0), (0.8, 1.0, 1.0), (0.1, 1.0, 0.0)],
    },
    Profile {
        name: "stress",
        about: "step by step to the rate and half as much again",
        rate: 20.0,
        length: StdDuration::from_secs(6 * MINUTE),
        parts: &[
            (1.0 / 6.0, 0.25, 0.25),
            (1.0 / 6.0, 0.5, 0.5),
            (1.0 / 6.0, 0.75, 0.75),
            (1.0 / 6.0, 1.0, 1.0),
            (1.0 / 6.0, 1.25, 1.25),
            (1.0 / 6.0, 1.5, 1.5),
        ],
    },
    Profile {
        name: "spike",
        about: "from a tenth of the rate to all of it at once, and back",
        rate: 50.0,
        length: StdDuration::from_secs(2 * MINUTE),
        parts: &[(0.3, 0.1, 0.1), (0.02, 0.1, 1.0), (0.26, 1.0, 1.0), (0.02, 1.0, 0.1), (0.4, 0.1, 0.1)],
    },
    Profile {
        name: "soak",
        about: "a steady rate for long: what leaks, what fills up",
        rate: 10.0,
        length: StdDuration::from_secs(60 * MINUTE),
        parts: &[(1.0, 1.0, 1.0)],
    },
    Profile {
        name: "breakpoint",
        about: "searches for the highest rate at which the objectives hold",
        rate: 1.0,
        length: StdDuration::from_secs(20),
        parts: &[],
    },
];

impl Profile {
    /// Its stages at this full rate and of this length in all.
    #[must_use]
    pub fn stages(&self, rate: f64, length: StdDuration) -> Vec<Stage> {
        let stage = |&(share, from, to): &Part| Stage {
            seconds: length.as_secs_f64() * share,
            from: from * rate,
            to: to * rate,
        };
        self.parts.iter().map(stage).collect()
    }

    /// Whether its rates are found as it goes.
    #[must_use]
    pub fn searches(&self) -> bool {
        self.parts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrivals;
    use super::*;

    #[test]
    fn the_parts_of_every_profile_are_a_whole_and_join_except_where_they_jump() {
        for profile in PROFILES.iter().filter(|profile| !profile.searches()) {
            let stages = profile.stages(100.0, StdDuration::from_secs(100));
            let length = arrivals::length(&stages).as_secs_f64();
            assert!((length - 100.0).abs() < 1e-6, "{}: {length}", profile.name);
            assert!(arrivals::peak(&stages) >= 100.0, "{}", profile.name);
        }
        assert_eq!(PROFILES.iter().filter(|profile| profile.searches()).count(), 1);
        assert_eq!(PROFILES[0].name, "smoke", "whose rate is the one above which a person is asked");
    }
}
