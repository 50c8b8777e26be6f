//! PromQL as its users meet it: scripts in the public test language, and properties over generated queries.

mod properties;
mod scripts;

#[path = "../../../examples/promqltest/annotations.rs"]
mod annotations;
#[path = "../../../examples/promqltest/compare.rs"]
mod compare;
#[path = "../../../examples/promqltest/run.rs"]
mod run;
#[path = "../../../examples/promqltest/script.rs"]
mod script;
#[path = "../../../examples/promqltest/variants.rs"]
mod variants;
