//! Random samples, restarts and reloads: the rules tell what they would have told undisturbed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::tests::{World, at};
use crate::model::STALE_MARKER;

const RULES: &str = "
groups:
  - name: one
    rules:
      - {alert: AtOnce, expr: up == 0}
      - {alert: Held, expr: up == 0, for: 45s, labels: {value: '{{ $value }}'}}
      - {alert: Kept, expr: up == 0, keep_firing_for: 40s}
      - {alert: HeldAndKept, expr: up == 0, for: 30s, keep_firing_for: 1m}
      - {alert: WithoutData, expr: up == 0, for: 30s, annotations: {memsentry_no_data: keep}}
      - {alert: Absent, expr: 'absent(up{job=\"b\"})', for: 30s}
  - name: two
    rules:
      - {alert: OfAlerts, expr: 'count by (job) (ALERTS{alertstate=\"firing\"}) > 2', for: 15s}
";

/// The same rules in another order, in other groups, among new ones.
const MOVED: &str = "
groups:
  - name: three
    rules:
      - {alert: New, expr: up == 7}
      - {alert: WithoutData, expr: up == 0, for: 30s, annotations: {memsentry_no_data: keep, text: new}}
      - {alert: HeldAndKept, expr: up == 0, for: 30s, keep_firing_for: 1m}
      - {alert: Absent, expr: 'absent(up{job=\"b\"})', for: 30s}
      - {alert: Kept, expr: up == 0, keep_firing_for: 40s}
      - {alert: Held, expr: up == 0, for: 45s, labels: {value: '{{ $value }}'}}
      - {alert: AtOnce, expr: up == 0}
  - name: two
    rules:
      - {alert: OfAlerts, expr: 'count by (job) (ALERTS{alertstate=\"firing\"}) > 2', for: 15s}
";

/// What was told, in an order that does not depend on that of the rules.
fn told(world: &World, seconds: i64) -> Vec<String> {
    let alerts = world.last.alerts.iter();
    let mut told: Vec<String> = alerts
        .map(|alert| {
            let (since, over) = (alert.starts_at.millis(), alert.ends_at.map(crate::model::Timestamp::millis));
            format!("{} {:?} {since} {over:?}", alert.labels, alert.status(at(seconds)))
        })
        .collect();
    told.sort();
    told
}

#[test]
fn restarts_and_reloads_change_nothing_that_is_told() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for run in 0..150 {
        let (mut plain, mut disturbed) = (World::new(RULES), World::new(RULES));
        let mut text = RULES;
        // Value and how long it stays, for each series; nothing at all stays for less than the look-back.
        let mut states = [(1.0, 0), (1.0, 0)];
        for step in 0..60 {
            let seconds = 15 * step;
            for state in states.iter_mut().filter(|state| state.1 <= step) {
                let value = [0.0, 0.0, 1.0, f64::INFINITY, STALE_MARKER][random.random_range(0..5)];
                *state = (value, step + random.random_range(1..8));
            }
            let names = ["up{job=\"a\"}", "up{job=\"b\"}"];
            let scraped =
                names.into_iter().zip(states.map(|(value, _)| value)).filter(|(_, value)| *value != f64::INFINITY);
            let scraped: Vec<(&str, f64)> = scraped.collect();
            match random.random_range(0..6) {
                0 => disturbed.restart_with_samples(seconds - 1, text),
                1 => {
                    text = if text == RULES { MOVED } else { RULES };
                    disturbed.reload(seconds - 1, text);
                }
                2 => {
                    text = if text == RULES { MOVED } else { RULES };
                    disturbed.restart_with_samples(seconds - 1, text);
                }
                _ => {}
            }
            plain.at(seconds, &scraped);
            disturbed.at(seconds, &scraped);
            assert_eq!(told(&plain, seconds), told(&disturbed, seconds), "seed {seed}, run {run}, at {seconds} s");
        }
    }
}
