//! Scrapes so far apart that a series is gone before it is seen again. promtool's `too-long-scrape-interval`.

use crate::lint::Found;
use crate::lint::world::World;
use crate::model::Duration;

const LOOK_BACK: Duration = Duration::from_secs(300);

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let interval = world.input.scrape_interval;
    if interval < LOOK_BACK {
        return Vec::new();
    }
    let message = format!("{interval} is not shorter than the look-back of {LOOK_BACK}, so series come and go");
    vec![Found::new(
        world.in_config("scrape.interval", message).hint("rules see a series for 5m after its last sample"),
    )]
}
