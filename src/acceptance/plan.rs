//! What will be judged, how long it takes, and what cannot be judged because something is missing.

use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use crate::model::Problem;

use super::{Area, Criterion, Need, Scene};

/// Which criteria a person wants; each word is a criterion's id or an area.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// These; all if empty.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
}

/// One criterion of a run.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The criterion.
    pub criterion: &'static Criterion,
    /// About how long it takes; nothing if it cannot be judged.
    pub estimate: StdDuration,
    /// Why it cannot be judged, known before anything is tried.
    pub unmet: Option<&'static str>,
}

/// What a run is going to do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Criterion by criterion, in order.
    pub criteria: Vec<Planned>,
    /// Ids that the choice left out.
    pub left_out: Vec<&'static str>,
}

impl Plan {
    /// What of `all` is chosen, as `scene` allows.
    ///
    /// # Errors
    /// Words that are neither a criterion nor an area, with the nearest one and all of them; or that nothing is left.
    pub fn new(all: &[&'static Criterion], choice: &Choice, scene: &Scene) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for (option, words) in [("--only", &choice.only), ("--skip", &choice.skip)] {
            problems.extend(words.iter().filter_map(|word| unknown(all, option, word)));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let named = |words: &[String], criterion: &Criterion| {
            words.iter().any(|word| word == criterion.id || word == criterion.area.as_str())
        };
        let mut plan = Self::default();
        for criterion in all.iter().copied() {
            if (choice.only.is_empty() || named(&choice.only, criterion)) && !named(&choice.skip, criterion) {
                let unmet = criterion.needs.iter().find_map(|need| unmet(*need, scene));
                let estimate = if unmet.is_some() { StdDuration::ZERO } else { (criterion.estimate)(scene) };
                plan.criteria.push(Planned { criterion, estimate, unmet });
            } else {
                plan.left_out.push(criterion.id);
            }
        }
        if plan.criteria.is_empty() {
            return Err(vec![Problem::at("", "--only and --skip leave nothing to judge")]);
        }
        Ok(plan)
    }

    /// About how long all of it takes.
    #[must_use]
    pub fn estimate(&self) -> StdDuration {
        self.criteria.iter().map(|planned| planned.estimate).sum()
    }

    /// Whether anything in it breaks things.
    #[must_use]
    pub fn breaks_things(&self) -> bool {
        self.criteria.iter().any(|planned| planned.unmet.is_none() && planned.criterion.breaks_things())
    }
}

impl Criterion {
    /// Whether it breaks something, to see what the service does.
    #[must_use]
    pub fn breaks_things(&self) -> bool {
        self.needs.iter().any(|need| matches!(need, Need::Chaos | Need::Faults))
    }
}

impl Area {
    /// As `--only` and `--skip` name it, and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Storage => "storage",
            Self::Triggers => "triggers",
            Self::Agent => "agent",
            Self::Queue => "queue",
            Self::Isolation => "isolation",
            Self::Edges => "edges",
            Self::Security => "security",
            Self::RateLimit => "rate-limits",
            Self::Schema => "schema",
            Self::Performance => "performance",
            Self::Consistency => "consistency",
            Self::Faults => "faults",
        }
    }
}

fn unknown(all: &[&'static Criterion], option: &str, word: &str) -> Option<Problem> {
    let ids: Vec<&str> = all.iter().map(|criterion| criterion.id).collect();
    let areas: BTreeSet<Area> = all.iter().map(|criterion| criterion.area).collect();
    let areas: Vec<&str> = areas.into_iter().map(Area::as_str).collect();
    if ids.contains(&word) || areas.contains(&word) {
        return None;
    }
    let problem = Problem::at(option, format!("{word:?} is neither a criterion nor an area"))
        .note(format!("criteria: {}", ids.join(", ")))
        .note(format!("areas: {}", areas.join(", ")));
    Some(problem.suggest(word, ids.iter().chain(&areas).copied()))
}

fn unmet(need: Need, scene: &Scene) -> Option<&'static str> {
    let chaos = scene.promises.settings.chaos.as_ref();
    match need {
        Need::Database if scene.database.is_none() => {
            Some("the service's database is not configured (targets[].database)")
        }
        Need::SecondUser if scene.users.second().is_none() => Some("there is no second user (targets[].users)"),
        Need::Chaos | Need::Faults if !scene.chaos_allowed => Some("breaking things was not allowed (--chaos)"),
        Need::Chaos if chaos.is_none_or(|chaos| chaos.database_url.is_none()) => {
            Some("no database role that may break things is configured (targets[].validate.chaos.database_url)")
        }
        // What is put into the service's tables has to go again.
        Need::Chaos if !scene.database.as_ref().is_some_and(crate::queue::Database::may_clean_up) => {
            Some("what it puts into the service's tables could not be removed (targets[].database.cleanup)")
        }
        Need::Faults if chaos.is_none_or(|chaos| chaos.faults_url.is_none()) => {
            Some("no faults endpoint is configured (targets[].validate.chaos.faults_url)")
        }
        _ => None,
    }
}

/// A length of time as people say it: `25 s`, `4 min`, `1 h 10 min`.
#[must_use]
pub fn about(time: StdDuration) -> String {
    let seconds = time.as_secs_f64().ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a cast saturates, and times are not negative
    let seconds = seconds as u64;
    match (seconds, seconds.div_ceil(60)) {
        (0..100, _) => format!("{seconds} s"),
        (_, minutes @ 0..100) => format!("{minutes} min"),
        (_, minutes) => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chaos;
    use super::super::fixture::{self, PASSES};
    use super::*;

    const FIRST: Criterion =
        Criterion { id: "user-isolation", area: Area::Isolation, needs: &[Need::SecondUser], ..PASSES };
    const SECOND: Criterion = Criterion { id: "queue-fifo", area: Area::Queue, needs: &[Need::Database], ..PASSES };
    const THIRD: Criterion = Criterion { id: "isolation", area: Area::Faults, needs: &[Need::Faults], ..PASSES };
    const ALL: [&Criterion; 4] = [&PASSES, &FIRST, &SECOND, &THIRD];

    fn chosen(only: &[&str], skip: &[&str]) -> Result<Vec<&'static str>, String> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let choice = Choice { only: words(only), skip: words(skip) };
        let plan = Plan::new(&ALL, &choice, &fixture::scene());
        let ids = |plan: Plan| plan.criteria.iter().map(|planned| planned.criterion.id).collect();
        plan.map(ids).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn criteria_are_chosen_by_id_or_area() {
        assert_eq!(chosen(&[], &[]).unwrap().len(), 4);
        assert_eq!(chosen(&["queue", "passes"], &[]).unwrap(), ["passes", "queue-fifo"]);
        assert_eq!(chosen(&[], &["service", "faults"]).unwrap(), ["user-isolation", "queue-fifo"]);
        assert_eq!(chosen(&["isolation"], &["user-isolation"]).unwrap(), ["isolation"]);
    }

    #[test]
    fn every_unknown_word_is_answered_with_what_there_is() {
        let told = chosen(&["queue-fif", "nonsense"], &["isolatoin"]).unwrap_err();
        for part in [
            "--only: \"queue-fif\" is neither a criterion nor an area",
            "did you mean \"queue-fifo\"?",
            "--only: \"nonsense\"",
            "--skip: \"isolatoin\"",
            "did you mean \"isolation\"?",
            "criteria: passes, user-isolation, queue-fifo, isolation",
            "areas: service, queue, isolation, faults",
        ] {
            assert!(told.contains(part), "{part} in\n{told}");
        }
        assert!(chosen(&["queue"], &["queue"]).unwrap_err().contains("leave nothing to judge"));
    }

    #[test]
    fn what_is_missing_is_the_reason_and_costs_no_time() {
        let mut scene = fixture::scene();
        let plan = |scene: &Scene| Plan::new(&ALL, &Choice::default(), scene).unwrap();
        let reasons = |plan: &Plan| plan.criteria.iter().map(|planned| planned.unmet.unwrap_or("")).collect::<Vec<_>>();
        let found = plan(&scene);
        assert_eq!(
            reasons(&found),
            [
                "",
                "there is no second user (targets[].users)",
                "the service's database is not configured (targets[].database)",
                "breaking things was not allowed (--chaos)",
            ]
        );
        assert_eq!((found.estimate(), found.breaks_things()), (StdDuration::from_secs(1), false));
        scene.chaos_allowed = true;
        scene.promises.settings.chaos = Some(Chaos { database_url: None, faults_url: None });
        assert!(reasons(&plan(&scene))[3].contains("validate.chaos.faults_url"));
        scene.promises.settings.chaos = Some(Chaos { database_url: None, faults_url: Some("http://f".into()) });
        assert!(plan(&scene).breaks_things());
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, said) in
            [(0.2, "1 s"), (99.0, "99 s"), (100.0, "2 min"), (3600.0, "60 min"), (7000.0, "1 h 57 min")]
        {
            assert_eq!(about(StdDuration::from_secs_f64(seconds)), said);
        }
    }
}
