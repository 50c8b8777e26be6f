//! Searches for the highest rate that holds: doubles until it breaks, halves the interval, then confirms.
//!
//! Pure: it is told how a step went and says what to try next. A rate counts as found only if it held twice, the
//! second time in a longer step, because a queue can be filled for a while at a rate that it cannot keep.

use serde::{Deserialize, Serialize};

/// The interval between what held and what broke is narrow enough when it is this share of what held.
const PRECISION: f64 = 0.1;
/// A confirmation that breaks lowers the rate by this factor.
const STEP_DOWN: f64 = 0.9;
/// Below this rate nothing is searched.
const LEAST: f64 = 0.1;
/// Steps at most.
const MOST_STEPS: u32 = 40;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Went {
    /// The objectives held.
    Held,
    /// One broke.
    Broke,
    /// It says nothing: the generator was at its own limit, or was interrupted.
    Void,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// A step at this rate.
    Try(f64),
    /// A longer step at this rate.
    Confirm(f64),
    /// It is over.
    End(Found),
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The highest rate that held, in arrivals a second; `None` if not even the lowest did.
    pub holds: Option<f64>,
    /// Whether it held in a confirmation too.
    pub confirmed: bool,
    /// The lowest rate that broke; `None` if none did.
    pub breaks: Option<f64>,
    /// Why there is no more to find, as a sentence.
    pub because: String,
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Search {
    most: f64,
    held: Option<f64>,
    broke: Option<f64>,
    now: Next,
    steps: u32,
}

impl Search {
    /// Begins at `first` and never goes above `most`.
    #[must_use]
    pub fn new(first: f64, most: f64) -> Self {
        let first = first.clamp(LEAST, most.max(LEAST));
        Self { most: most.max(LEAST), held: None, broke: None, now: Next::Try(first), steps: 0 }
    }

    /// What to do now.
    #[must_use]
    pub fn now(&self) -> &Next {
        &self.now
    }

    /// Takes in how the present step went.
    pub fn went(&mut self, went: Went) {
        self.steps += 1;
        self.now = match (self.now.clone(), went) {
            (Next::End(found), _) => Next::End(found),
            (_, Went::Void) => self.end(false, "the step at this rate is no verdict: the generator was at its limit"),
            _ if self.steps >= MOST_STEPS => self.end(false, "so many steps were enough"),
            (Next::Try(rate), Went::Held) => {
                self.held = Some(rate);
                self.after_a_try(rate)
            }
            (Next::Try(rate), Went::Broke) => {
                self.broke = Some(rate);
                self.after_a_try(rate)
            }
            (Next::Confirm(_), Went::Held) => self.end(true, self.reason()),
            (Next::Confirm(rate), Went::Broke) => {
                self.broke = Some(rate);
                let lower = rate * STEP_DOWN;
                self.held = (lower >= LEAST).then_some(lower);
                if lower < LEAST { self.end(false, "not even the lowest rate held") } else { Next::Confirm(lower) }
            }
        };
    }

    fn after_a_try(&self, rate: f64) -> Next {
        match (self.held, self.broke) {
            (Some(held), Some(broke)) if broke <= held * (1.0 + PRECISION) => Next::Confirm(held),
            (Some(held), Some(broke)) => Next::Try((held * broke).sqrt()),
            (Some(held), None) if held >= self.most => Next::Confirm(held),
            (Some(held), None) => Next::Try((held * 2.0).min(self.most)),
            (None, _) if rate / 2.0 < LEAST => self.end(false, "not even the lowest rate held"),
            (None, _) => Next::Try(rate / 2.0),
        }
    }

    fn reason(&self) -> &'static str {
        if self.broke.is_none() { "the highest rate that is allowed (--max-rate) held" } else { "a higher rate broke" }
    }

    fn end(&self, confirmed: bool, because: &str) -> Next {
        Next::End(Found { holds: self.held, confirmed, breaks: self.broke, because: because.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a search against a service that holds up to `try_limit`, and up to `long_limit` in long steps.
    fn search(first: f64, most: f64, try_limit: f64, long_limit: f64) -> (Found, u32) {
        let mut search = Search::new(first, most);
        loop {
            let held = match search.now().clone() {
                Next::Try(rate) => rate <= try_limit,
                Next::Confirm(rate) => rate <= long_limit,
                Next::End(found) => return (found, search.steps),
            };
            search.went(if held { Went::Held } else { Went::Broke });
        }
    }

    #[test]
    fn it_finds_the_limit_to_a_tenth_in_few_steps() {
        for limit in [0.3, 7.0, 83.0, 640.0] {
            let (found, steps) = search(1.0, 1000.0, limit, limit);
            let holds = found.holds.unwrap();
            assert!(holds <= limit && holds >= limit / 1.12 && found.confirmed && steps < 20, "{limit}: {found:?}");
            assert!(found.breaks.is_some_and(|breaks| breaks > limit), "{limit}: {found:?}");
        }
    }

    #[test]
    fn what_does_not_hold_for_long_is_lowered_until_it_does() {
        let (found, _) = search(1.0, 1000.0, 100.0, 60.0);
        let holds = found.holds.unwrap();
        assert!(found.confirmed && holds <= 60.0 && holds > 53.0, "{found:?}");
        assert!(found.breaks.is_some_and(|breaks| breaks > 60.0 && breaks < 70.0), "{found:?}");
    }

    #[test]
    fn the_cap_is_never_exceeded_and_a_service_that_holds_nothing_is_told() {
        let (found, _) = search(1.0, 50.0, 1e9, 1e9);
        assert_eq!((found.holds, found.breaks, found.confirmed), (Some(50.0), None, true));
        let (found, steps) = search(1.0, 50.0, 0.0, 0.0);
        assert_eq!((found.holds, found.confirmed), (None, false));
        assert!(steps < 6);
    }

    #[test]
    fn a_generator_at_its_limit_ends_the_search_without_a_confirmation() {
        let mut search = Search::new(8.0, 100.0);
        search.went(Went::Held);
        search.went(Went::Void);
        let Next::End(found) = search.now() else { panic!("an end") };
        assert_eq!((found.holds, found.confirmed), (Some(8.0), false));
        assert!(found.because.contains("generator"), "{}", found.because);
    }
}
