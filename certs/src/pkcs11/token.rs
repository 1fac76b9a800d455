//! Finding the token and the key, and logging in.

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Answer, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::fault;
use crate::key::Pkcs11Uri;

/// Why a token or a key cannot be used.
pub(super) struct Failure {
    /// In words.
    pub(super) why: String,
    /// Whether the PIN was refused.
    pub(super) of_pin: bool,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self { why, of_pin: false }
    }
}

impl From<Answer> for Failure {
    fn from(answer: Answer) -> Self {
        Self {
            why: fault::words(&answer),
            of_pin: fault::is_of_pin(&answer),
        }
    }
}

/// A session in which the user is logged in.
pub(super) fn log_in(
    library: &Pkcs11,
    uri: &Pkcs11Uri,
    pin: Option<&AuthPin>,
    writing: bool,
) -> Result<Session, Failure> {
    let (slot, info) = find(library, uri)?;
    let session = if writing {
        library.open_rw_session(slot)
    } else {
        library.open_ro_session(slot)
    }?;
    if !info.login_required() {
        return Ok(session);
    }
    if info.user_pin_locked() {
        let why = "its PIN is locked: unlock it with the security officer's PIN";
        return Err(why.to_owned().into());
    }
    // Unattended, a wrong PIN at each start would lock the token.
    if info.user_pin_final_try() {
        let why = "one more wrong PIN locks it, and none is tried here: log in once with \
                   another tool (pkcs11-tool --login --list-objects), then start again";
        return Err(why.to_owned().into());
    }
    let on_the_device = info.protected_authentication_path();
    let pin = match pin {
        Some(pin) => Some(pin),
        None if on_the_device => None,
        None => {
            let why = "it wants a PIN and none was given: name a source of it (pin-source in \
                       the URI, a file descriptor or a credential)";
            return Err(why.to_owned().into());
        }
    };
    match session.login(UserType::User, pin) {
        // The login is the process's, shared by its sessions.
        Ok(()) | Err(Answer::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(answer) => Err(answer.into()),
    }
}

/// The one token that `uri` names.
fn find(library: &Pkcs11, uri: &Pkcs11Uri) -> Result<(Slot, TokenInfo), Failure> {
    let mut found = None;
    let mut labels = Vec::new();
    for slot in library.get_slots_with_token()? {
        let info = match library.get_token_info(slot) {
            Ok(info) if info.token_initialized() => info,
            // Taken out since, not made ready, or another's that does not answer.
            Ok(_) | Err(Answer::Pkcs11(..)) => continue,
            Err(answer) => return Err(answer.into()),
        };
        labels.push(format!("{:?}", info.label()));
        let wanted = [
            (uri.token(), info.label()),
            (uri.serial(), info.serial_number()),
            (uri.manufacturer(), info.manufacturer_id()),
            (uri.model(), info.model()),
        ];
        if wanted
            .iter()
            .any(|(wanted, found)| wanted.is_some_and(|wanted| wanted != *found))
        {
            continue;
        }
        if found.replace((slot, info)).is_some() {
            let why = "several tokens are called so: name the one by serial";
            return Err(why.to_owned().into());
        }
    }
    found.ok_or_else(|| {
        let there = if labels.is_empty() {
            "none is there".to_owned()
        } else {
            format!("there are {}", labels.join(", "))
        };
        format!("there is no such token: {there}; see the library's configuration").into()
    })
}

/// The objects of `class` that `uri` names.
pub(super) fn objects(
    session: &Session,
    uri: &Pkcs11Uri,
    class: ObjectClass,
) -> Result<Vec<ObjectHandle>, Failure> {
    let mut wanted = vec![Attribute::Class(class)];
    if let Some(label) = uri.object() {
        wanted.push(Attribute::Label(label.as_bytes().to_vec()));
    }
    if let Some(id) = uri.id() {
        wanted.push(Attribute::Id(id.to_vec()));
    }
    Ok(session.find_objects(&wanted)?)
}

/// The one private key that `uri` names, and the public one beside it.
pub(super) fn key(
    session: &Session,
    uri: &Pkcs11Uri,
) -> Result<(ObjectHandle, ObjectHandle), Failure> {
    let private = match objects(session, uri, ObjectClass::PRIVATE_KEY)?[..] {
        [one] => one,
        [] => {
            let why = format!(
                "it has no private key {}: see its keys with pkcs11-tool --login --list-objects",
                uri.key_name()
            );
            return Err(why.into());
        }
        [..] => {
            let why = format!(
                "it has several private keys {}: name the one by id",
                uri.key_name()
            );
            return Err(why.into());
        }
    };
    let mut id = Vec::new();
    let asked = [
        AttributeType::AlwaysAuthenticate,
        AttributeType::Id,
        AttributeType::Sign,
    ];
    for attribute in session.get_attributes(private, &asked)? {
        match attribute {
            Attribute::AlwaysAuthenticate(true) => {
                let why = "its key wants the PIN again at each signature \
                           (CKA_ALWAYS_AUTHENTICATE), which is not supported: make one without";
                return Err(why.to_owned().into());
            }
            Attribute::Id(found) => id = found,
            Attribute::Sign(false) => {
                let why = "its key may not sign (CKA_SIGN): make one that may";
                return Err(why.to_owned().into());
            }
            _ => {}
        }
    }
    // What pairs the two halves is CKA_ID (PKCS#11 2.40 §4.9); a label may be anything.
    let public = if id.is_empty() {
        objects(session, uri, ObjectClass::PUBLIC_KEY)?
    } else {
        session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id)])?
    };
    match public[..] {
        [public] => Ok((private, public)),
        [] => {
            let why = "its key has no public key object of the same CKA_ID beside it: write one \
                       (pkcs11-tool --write-object PUBLIC.der --type pubkey --id ID)";
            Err(why.to_owned().into())
        }
        [..] => {
            let why = "several public keys have the CKA_ID of its key: remove those of others";
            Err(why.to_owned().into())
        }
    }
}
