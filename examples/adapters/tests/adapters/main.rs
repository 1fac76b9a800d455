//! The adapters and their examples, against each other and against programs of other stacks.

#[path = "../support/mod.rs"]
mod support;

mod axum;
mod etcd;
mod hyper;
mod kube;
mod reqwest;
mod tokio_rustls;
mod tonic;
