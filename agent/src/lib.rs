//! Keeps a control plane's PKI fresh while it runs: renews what is due, drifted or torn, tells
//! the services that use it, and serves health and metrics over mutual TLS.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use fips_agent::{Agent, Config};
//! use fips_certs::SystemClock;
//! use fips_core::Boundary;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let boundary = Boundary::enter()?; // or a refusal, with reasons
//! let config = Config::from_file("/etc/fips-agent.toml")?;
//! let agent = Agent::new(boundary, config, Arc::new(SystemClock))?;
//! agent.run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Overview
//!
//! - [`Config`]: what to keep, as TOML; an unknown field is an error.
//! - [`Renewer`]: one look at a directory and what follows from it, for programs that have a loop
//!   of their own.
//! - [`Agent`]: the loop, with hooks, endpoint and service manager.
//! - [`Snapshot`]: what an agent knows, as its endpoint and metrics show it.
//!
//! # Features
//!
//! `evaluation` (off): see `fips-core`.

#![forbid(unsafe_code)]

mod agent;
mod backoff;
mod config;
mod endpoint;
mod error;
mod hook;
mod hook_state;
mod lock;
mod metrics;
mod renewer;
mod snapshot;
mod steadiness;

pub use agent::Agent;
pub use config::{ClockRules, Config, Endpoint, HookAction, HookConfig, Keys, Renewal, Retry};
pub use error::Error;
pub use lock::AgentLock;
pub use renewer::{Held, Renewer, Round};
pub use snapshot::{HookSnapshot, Snapshot};
