//! Queries of dashboards and runbooks that cannot be read. Those of rules are mistakes and are told before any lint.

use crate::lint::Found;
use crate::lint::world::World;

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    world.bad_queries.iter().cloned().map(Found::new).collect()
}
