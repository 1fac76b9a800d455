//! What a sealed thing is for, and whose.

use super::SealingFault;
use crate::error::Error;

/// The purpose of bootstrap data.
const BOOTSTRAP: &str = "bootstrap";

/// The purpose of a sealed thing, and the cluster it belongs to, when it belongs to one. Both
/// are authenticated, and must be given again to open it: what was sealed as one thing does not
/// pass for another, nor in another cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    purpose: String,
    cluster: Option<String>,
}

impl Binding {
    /// A purpose such as `etcd-snapshot`, and no cluster: 1 to 255 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`SealingFault::Name`].
    pub fn new(purpose: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            purpose: name("purpose", purpose.into())?,
            cluster: None,
        })
    }

    /// Bootstrap data of a cluster.
    ///
    /// # Errors
    ///
    /// As [`with_cluster`](Self::with_cluster).
    pub fn bootstrap(cluster: impl Into<String>) -> Result<Self, Error> {
        Self::new(BOOTSTRAP)?.with_cluster(cluster)
    }

    /// Binds to a cluster's identity: 1 to 255 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`SealingFault::Name`].
    pub fn with_cluster(self, cluster: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            cluster: Some(name("cluster", cluster.into())?),
            ..self
        })
    }

    /// The purpose.
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// The cluster.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// Whether what was sealed for `self` is what somebody expects.
    pub(super) fn admit(&self, expected: &Self) -> Result<(), SealingFault> {
        if self.purpose != expected.purpose {
            return Err(SealingFault::Purpose {
                sealed: self.purpose.clone(),
                expected: expected.purpose.clone(),
            });
        }
        if self.cluster != expected.cluster {
            let words = |cluster: &Option<String>| match cluster {
                Some(cluster) => format!("cluster {cluster}"),
                None => "no cluster".to_owned(),
            };
            return Err(SealingFault::Cluster {
                sealed: words(&self.cluster),
                expected: words(&expected.cluster),
            });
        }
        Ok(())
    }
}

fn name(what: &'static str, name: String) -> Result<String, SealingFault> {
    // Visible characters alone: it is shown in one line, and typed again.
    if name.bytes().all(|byte| byte.is_ascii_graphic()) && (1..=255).contains(&name.len()) {
        Ok(name)
    } else {
        Err(SealingFault::Name { what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_and_short() {
        let long = "x".repeat(255);
        for name in ["a", "etcd-snapshot", "~!", &long] {
            let binding = Binding::new(name).unwrap().with_cluster(name).unwrap();
            assert_eq!((binding.purpose(), binding.cluster()), (name, Some(name)));
        }
        for name in ["", "a b", "a\n", "ä", "\u{1b}[1m", &"x".repeat(256)] {
            assert!(Binding::new(name).is_err(), "{name:?}");
            assert!(Binding::new("a").unwrap().with_cluster(name).is_err());
        }
    }

    #[test]
    fn another_purpose_and_another_cluster_are_told_apart() {
        let mine = Binding::new("a").unwrap();
        let theirs = mine.clone().with_cluster("c").unwrap();
        mine.admit(&mine).unwrap();
        theirs.admit(&theirs).unwrap();
        for (sealed, expected) in [(&mine, &theirs), (&theirs, &mine)] {
            let fault = sealed.admit(expected).unwrap_err();
            assert!(matches!(fault, SealingFault::Cluster { .. }), "{fault}");
        }
        let fault = mine.admit(&Binding::new("b").unwrap()).unwrap_err();
        assert!(matches!(fault, SealingFault::Purpose { .. }), "{fault}");
    }
}
