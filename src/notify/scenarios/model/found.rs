//! Lives that the model found, each a mistake once.

use super::*;

#[test]
fn what_was_told_before_a_crash_is_not_forgotten_with_the_group_it_stood_in() {
    use Event::{Between, Fire, Resolve, Restart};
    let crashes = [Crash::BeforeCommit, Crash::AlertsUnsaved].map(Restart);
    let [first, second] = crashes;
    live(vec![Fire(3), Resolve(3), first, Fire(2), second, Between(0, false), Fire(0)]);
}

#[test]
fn an_end_that_is_owed_is_not_forgotten_with_a_message_about_another_alert() {
    use Event::{Between, Fire, Reload, Resolve, Silence, Wait};
    let (tree, plain) = (Reload(Shape::Tree), Reload(Shape::Plain));
    let silence = Silence(Pattern::GroupX, 301);
    live(vec![tree, Fire(0), Fire(1), Wait(30), silence, Resolve(1), Resolve(0), plain, Between(0, false), Fire(0)]);
}

#[test]
fn a_group_of_which_only_the_log_survived_is_known_again_where_the_routes_changed() {
    use Event::{Fire, Reload, Resolve, Restart, Silence, Wait};
    let tree = || Reload(Shape::Tree);
    live(vec![Fire(0), Restart(Crash::AlertsUnsaved), tree()]);
    live(vec![Fire(2), tree(), Restart(Crash::AlertsUnsaved), Resolve(0)]);
    live(vec![tree(), Fire(1), Restart(Crash::AlertsUnsaved), Reload(Shape::Plain), Resolve(1), Wait(60)]);
    live(vec![Fire(0), Restart(Crash::AlertsUnsaved), tree(), Silence(Pattern::GroupX, 600), Resolve(0)]);
    // The group was stored, but not the alert that joined it.
    live(vec![Fire(3), Wait(2130), Fire(2), tree(), Restart(Crash::AlertsUnsaved), Fire(0)]);
}
