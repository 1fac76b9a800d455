//! The file of rules.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::SigningRule;
use crate::error::Error;

/// The rules of a file (TOML), by their names. A field nobody knows is an error.
///
/// ```
/// use fips_certs::csr::SigningRules;
///
/// let rules = SigningRules::from_toml(
///     r#"
/// [[rule]]
/// name = "web"
/// authorities = ["server-ca"]
/// common-names = ["web-*"]
/// dns = ["*.web.example.org"]      # the star stands for one label
/// wildcards = ["*.apps.example.org"]  # this very wildcard
/// ip = ["192.0.2.0/24"]
/// usages = "server"                # or "client", "server-and-client"
/// max-days = 90
/// "#,
/// )?;
/// assert_eq!(rules.rule("web")?.authorities(), ["server-ca"]);
/// # Ok::<(), fips_certs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningRules {
    rule: Vec<SigningRule>,
}

impl SigningRules {
    /// Reads the rules of a file.
    ///
    /// # Errors
    ///
    /// [`Error::Rules`] with what is wrong, and where.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let rules: Self = toml::from_str(text).map_err(|error| Error::Rules {
            why: error.to_string().trim_end().to_owned(),
        })?;
        let mut seen = BTreeSet::new();
        for rule in &rules.rule {
            rule.judge()?;
            if !seen.insert(rule.name()) {
                return Err(Error::Rules {
                    why: format!("two rules are called {:?}", rule.name()),
                });
            }
        }
        Ok(rules)
    }

    /// The rule called `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Rules`] with the names there are.
    pub fn rule(&self, name: &str) -> Result<&SigningRule, Error> {
        self.rule
            .iter()
            .find(|rule| rule.name() == name)
            .ok_or_else(|| Error::Rules {
                why: format!("no rule is called {name:?}; there are: {}", self.names()),
            })
    }

    /// The only rule there is, for who names none.
    ///
    /// # Errors
    ///
    /// [`Error::Rules`] when there are none or several.
    pub fn only(&self) -> Result<&SigningRule, Error> {
        match &self.rule[..] {
            [rule] => Ok(rule),
            _ => Err(Error::Rules {
                why: format!("name the rule to sign by; there are: {}", self.names()),
            }),
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.rule.iter().map(SigningRule::name).collect();
        names.join(", ")
    }
}
