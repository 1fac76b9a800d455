//! Configurations that follow their files: what is taken up, what is refused, and that no
//! connection notices.

#![allow(unreachable_pub, reason = "each module says what the others may use")]

mod faults;
mod files;
mod links;
mod load;
mod sessions;
mod status;
mod trust;

#[path = "../support/mod.rs"]
mod support;
