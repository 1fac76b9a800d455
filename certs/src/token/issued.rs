//! The server's side: tokens that were made, judged, used up, revoked, made again.

use std::time::Duration;

use fips_core::{Boundary, Diagnostic};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::list::{Form, List, Token, random_digits};
use super::{Credentials, JoinToken, Pin, Role, TokenRefused};
use crate::audit::{self, Event, EventKind};
use crate::clock::Clock;
use crate::error::Error;
use crate::store::{Change, Secrecy, Store};

/// How far the clock may stand behind what the list has seen.
const TOLERANCE: Duration = Duration::from_secs(300);
/// The longest life of a token: it is handed to people.
const MOST_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// How long an ended token stays in the list.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
const MOST_TOKENS: usize = 1000;
const MOST_DESCRIPTION: usize = 200;

/// What a new token shall be.
#[derive(Clone, Debug)]
pub struct TokenParams {
    role: Role,
    lifetime: Duration,
    uses: Option<u32>,
    description: String,
}

impl TokenParams {
    /// A token for joining as `role`, good for `lifetime`, any number of times.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] for a life of nothing, or of more than 365 days.
    pub fn new(role: Role, lifetime: Duration) -> Result<Self, Error> {
        if lifetime.is_zero() || lifetime > MOST_LIFE {
            return Err(policy("a token lives between a second and 365 days"));
        }
        Ok(Self {
            role,
            lifetime,
            uses: None,
            description: String::new(),
        })
    }

    /// Good for `uses` joins.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] for none.
    pub fn with_uses(self, uses: u32) -> Result<Self, Error> {
        if uses == 0 {
            return Err(policy("a token is good for one use at least"));
        }
        Ok(Self {
            uses: Some(uses),
            ..self
        })
    }

    /// Says what it is for.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] for more than 200 bytes, or control characters.
    pub fn with_description(self, description: impl Into<String>) -> Result<Self, Error> {
        let description = description.into();
        if description.len() > MOST_DESCRIPTION || description.contains(char::is_control) {
            return Err(policy(
                "a description has at most 200 bytes and no control characters",
            ));
        }
        Ok(Self {
            description,
            ..self
        })
    }
}

fn policy(why: &str) -> Error {
    Error::Policy {
        why: why.to_owned(),
    }
}

/// What may be known of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct TokenInfo {
    /// Its name in the list; not part of the token.
    pub id: String,
    /// What its holder joins as.
    pub role: Role,
    /// What it is for.
    pub description: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
    /// How many joins are left; `None`: any number.
    pub uses_left: Option<u32>,
    /// The pins it was handed out with, the newest last.
    pub pins: Vec<Pin>,
    /// Whether it is good now.
    pub state: TokenState,
}

/// Whether a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// Its time is over.
    Expired,
    /// It is revoked.
    Revoked,
    /// It has been used as often as it may.
    UsedUp,
    /// It is good.
    Valid,
}

/// A new token: the one time that its secret is there.
#[derive(Debug)]
#[non_exhaustive]
pub struct Created {
    /// The token.
    pub token: JoinToken,
    /// What may be known of it.
    pub info: TokenInfo,
}

/// The tokens of a store, in its secret entry `fips/tokens.json`.
///
/// Of a secret (128 random bits) the store keeps the HMAC-SHA-256 under a key of its own.
/// Everything that changes the list is logged, and rests on the list being what was read: of
/// two that use one token at the same time, one goes first, and the other sees what it left.
#[derive(Clone, Copy)]
pub struct Tokens<'s> {
    store: &'s dyn Store,
}

impl<'s> Tokens<'s> {
    /// Those in `store`.
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store }
    }

    /// Makes a token pinned to the CA whose file, as joining nodes get it, is `ca_file`.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] for a file that holds other than certificates; [`Error::Policy`]
    /// for more than 1000 tokens; failures of the module and the store.
    pub fn create(
        &self,
        boundary: &Boundary,
        params: &TokenParams,
        ca_file: &[u8],
        clock: &dyn Clock,
    ) -> Result<Created, Error> {
        let diagnostic = diagnostic()?;
        let pin = Pin::of_file(&diagnostic, ca_file)?;
        self.change(boundary, clock, &|list, now| {
            if now < list.seen {
                // The clock is taken as it is, and nothing that had ended comes back by that.
                let seen = list.seen;
                for token in &mut list.tokens {
                    if token.expires <= seen {
                        token.revoked.get_or_insert(seen);
                    }
                }
                list.seen = now;
            }
            list.tokens.retain(|token| {
                let ended = token.revoked.unwrap_or(token.expires);
                token.state(now) == TokenState::Valid || ended + KEPT > now
            });
            if list.tokens.len() >= MOST_TOKENS {
                return Err(policy("there are 1000 tokens: revoke some"));
            }
            let mut token = Token {
                id: random_digits::<5>()?.to_string(),
                role: params.role,
                description: params.description.clone(),
                created: now,
                expires: now + params.lifetime,
                uses_left: params.uses,
                revoked: None,
                forms: Vec::new(),
            };
            let created = token.add(list, &diagnostic, pin.clone(), now)?;
            let event = Event::new(EventKind::TokenCreated, &token.id)
                .with_reason(format!("role {}, until {}", token.role, token.expires));
            list.tokens.push(token);
            Ok((created, vec![event]))
        })
    }

    /// Judges `token` without using it.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] with the reason; failures of the module and the store.
    pub fn verify(
        &self,
        diagnostic: &Diagnostic,
        token: &JoinToken,
        now: OffsetDateTime,
    ) -> Result<TokenInfo, Error> {
        let Some((list, _)) = List::read(self.store)? else {
            return Err(TokenRefused::Unknown.into());
        };
        let at = judge(&list, diagnostic, token, now)?;
        Ok(list.tokens[at].info(now))
    }

    /// Judges `token` and takes one use of it, for the node called `node`.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn redeem(
        &self,
        boundary: &Boundary,
        token: &JoinToken,
        node: &str,
        clock: &dyn Clock,
    ) -> Result<TokenInfo, Error> {
        let diagnostic = diagnostic()?;
        self.change(boundary, clock, &|list, now| {
            let at = judge(list, &diagnostic, token, now)?;
            let used = &mut list.tokens[at];
            used.uses_left = used.uses_left.map(|left| left.saturating_sub(1));
            let event = Event::new(EventKind::TokenUsed, &used.id).with_reason(node);
            Ok((used.info(now), vec![event]))
        })
    }

    /// What may be known of each token.
    ///
    /// # Errors
    ///
    /// The list cannot be read.
    pub fn list(&self, now: OffsetDateTime) -> Result<Vec<TokenInfo>, Error> {
        let list = List::read(self.store)?;
        let tokens = list.map_or_else(Vec::new, |(list, _)| list.tokens);
        Ok(tokens.iter().map(|token| token.info(now)).collect())
    }

    /// Revokes the token called `id`, in every form it has.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; failures of the store.
    pub fn revoke(
        &self,
        boundary: &Boundary,
        id: &str,
        clock: &dyn Clock,
    ) -> Result<TokenInfo, Error> {
        self.change(boundary, clock, &|list, now| {
            let known: Vec<_> = list.tokens.iter().map(|token| token.id.clone()).collect();
            let found = list.tokens.iter_mut().find(|token| token.id == id);
            let token = found.ok_or_else(|| Error::UnknownEntry {
                name: id.to_owned(),
                known: known.join(", "),
            })?;
            token.revoked.get_or_insert(now);
            let event = Event::new(EventKind::TokenRevoked, id);
            Ok((token.info(now), vec![event]))
        })
    }

    /// Makes every valid token again with the pin of `ca_file`, a step of a CA's rotation: the
    /// new secret is good now, the old one until `until`. Both take from the same uses, and end
    /// with the token.
    ///
    /// A token that has this pin already is left as it is, so that an interrupted rotation can
    /// take the step again.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn reissue(
        &self,
        boundary: &Boundary,
        ca_file: &[u8],
        until: OffsetDateTime,
        clock: &dyn Clock,
    ) -> Result<Vec<Created>, Error> {
        let diagnostic = diagnostic()?;
        let pin = Pin::of_file(&diagnostic, ca_file)?;
        self.change(boundary, clock, &|list, now| {
            let (mut all, mut events) = (Vec::new(), Vec::new());
            let mut tokens = std::mem::take(&mut list.tokens);
            for token in &mut tokens {
                let has = |form: &Form| form.pin == pin && form.until.is_none();
                if token.state(now) != TokenState::Valid || token.forms.iter().any(has) {
                    continue;
                }
                for form in &mut token.forms {
                    form.until = Some(form.until.map_or(until, |earlier| earlier.min(until)));
                }
                all.push(token.add(list, &diagnostic, pin.clone(), now)?);
                let event = Event::new(EventKind::TokenReissued, &token.id)
                    .with_reason(format!("old and new side by side until {until}"));
                events.push(event);
            }
            list.tokens = tokens;
            Ok((all, events))
        })
    }

    /// Reads the list, has it changed, and writes it; again when another came between.
    fn change<T>(
        &self,
        boundary: &Boundary,
        clock: &dyn Clock,
        make: Make<'_, T>,
    ) -> Result<T, Error> {
        loop {
            let now = audit::to_second(clock.now());
            let (mut list, before) = match List::read(self.store)? {
                Some((list, bytes)) => (list, Some(bytes)),
                None => (List::new(boundary, now)?, None),
            };
            let (answer, events) = make(&mut list, now)?;
            if events.is_empty() {
                return Ok(answer);
            }
            list.seen = list.seen.max(now);
            let path = List::path()?;
            let change = Change::new("change the list of join tokens")
                .expect(path.clone(), before.as_deref().map(Vec::as_slice))
                .put(path, Secrecy::Secret, list.to_bytes()?);
            let applied = audit::append(boundary, self.store, change, events, now)
                .and_then(|change| self.store.apply(&change, &|_, _| Ok(())));
            match applied {
                Err(Error::Changed { .. }) => {}
                done => return done.map(|()| answer),
            }
        }
    }
}

/// Changes a list; the answer, and what is to be logged.
type Make<'a, T> = &'a dyn Fn(&mut List, OffsetDateTime) -> Result<(T, Vec<Event>), Error>;

impl std::fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

fn diagnostic() -> Result<Diagnostic, Error> {
    Diagnostic::new().map_err(|refusal| Error::Refused(Box::new(refusal)))
}

/// Where in the list the token is that `presented` is good for.
fn judge(
    list: &List,
    diagnostic: &Diagnostic,
    presented: &JoinToken,
    now: OffsetDateTime,
) -> Result<usize, Error> {
    let Credentials::Password { user, secret } = presented.credentials() else {
        return Err(TokenRefused::Bootstrap.into());
    };
    let verifier = list.key.verifier(diagnostic, user, secret)?;
    let (at, form_at) = list.find(&verifier).ok_or(TokenRefused::Unknown)?;
    let (token, form) = (&list.tokens[at], &list.tokens[at].forms[form_at]);
    if form.pin != *presented.pin() {
        let (pinned, found) = (presented.pin().clone(), form.pin.clone());
        return Err(TokenRefused::OtherPin { pinned, found }.into());
    }
    if now + TOLERANCE < list.seen {
        return Err(TokenRefused::ClockSetBack { seen: list.seen }.into());
    }
    // Within the tolerance nothing that had ended comes back.
    let now = now.max(list.seen);
    match (token.state(now), form.until) {
        (TokenState::Expired, _) => Err(TokenRefused::Expired { at: token.expires }.into()),
        (TokenState::Revoked, _) => {
            let at = token.revoked.unwrap_or(now);
            Err(TokenRefused::Revoked { at }.into())
        }
        (TokenState::UsedUp, _) => Err(TokenRefused::UsedUp.into()),
        (TokenState::Valid, Some(until)) if now >= until => {
            Err(TokenRefused::Replaced { until }.into())
        }
        (TokenState::Valid, _) => Ok(at),
    }
}

impl Token {
    /// A new secret of it, with `pin`.
    fn add(
        &mut self,
        list: &List,
        diagnostic: &Diagnostic,
        pin: Pin,
        now: OffsetDateTime,
    ) -> Result<Created, Error> {
        let secret: Zeroizing<String> = random_digits::<16>()?;
        let user = self.role.user();
        self.forms.push(Form {
            pin: pin.clone(),
            verifier: list.key.verifier(diagnostic, user, &secret)?,
            until: None,
        });
        Ok(Created {
            token: JoinToken::new(pin, user, secret),
            info: self.info(now),
        })
    }

    fn state(&self, now: OffsetDateTime) -> TokenState {
        if self.revoked.is_some() {
            TokenState::Revoked
        } else if now >= self.expires {
            TokenState::Expired
        } else if self.uses_left == Some(0) {
            TokenState::UsedUp
        } else {
            TokenState::Valid
        }
    }

    fn info(&self, now: OffsetDateTime) -> TokenInfo {
        TokenInfo {
            id: self.id.clone(),
            role: self.role,
            description: self.description.clone(),
            created: self.created,
            expires: self.expires,
            uses_left: self.uses_left,
            pins: self.forms.iter().map(|form| form.pin.clone()).collect(),
            state: self.state(now),
        }
    }
}
