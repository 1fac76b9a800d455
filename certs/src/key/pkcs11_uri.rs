//! PKCS#11 URIs (RFC 7512), as far as they name one key on one token.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

const SCHEME: &str = "pkcs11:";

/// The longest URI taken: every part at its limit fits.
const MOST_BYTES: usize = 4096;

/// One key on one token: where the token's library is, which token, which key.
///
/// ```
/// use fips_certs::key::Pkcs11Uri;
///
/// let uri: Pkcs11Uri = "pkcs11:token=control-plane;object=client-ca\
///     ?module-path=/usr/lib/vendor/libpkcs11.so&x-cmvp=4567"
///     .parse()?;
/// assert_eq!(uri.token(), Some("control-plane"));
/// # Ok::<(), fips_certs::Error>(())
/// ```
///
/// The attributes, each at most once, any other an error:
///
/// | attribute | |
/// |---|---|
/// | `token`, `serial`, `manufacturer`, `model` | the token; `token` or `serial` must be there |
/// | `object`, `id` | the key's label and CKA_ID; one of them must be there |
/// | `type` | `private`, which it is without it |
/// | `module-path` (query) | the absolute path of the token's library; must be there |
/// | `pin-source` (query) | `file:` and the absolute path of a file with the PIN |
/// | `x-cmvp` (query) | [what the operator declares](Self::declared) of the token's module |
///
/// # Security
///
/// `pin-value` is refused: URIs stand in command lines and configuration, which others read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pkcs11Uri {
    token: Option<String>,
    serial: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    object: Option<String>,
    id: Option<Vec<u8>>,
    module_path: PathBuf,
    pin_source: Option<PathBuf>,
    declared: Option<u32>,
}

impl Pkcs11Uri {
    /// The token's label.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The token's serial number.
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// The token's manufacturer.
    pub fn manufacturer(&self) -> Option<&str> {
        self.manufacturer.as_deref()
    }

    /// The token's model.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The key's label (CKA_LABEL).
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// The key's identifier (CKA_ID).
    pub fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    /// The token's library.
    pub fn module_path(&self) -> &Path {
        &self.module_path
    }

    /// The file with the PIN.
    pub fn pin_source(&self) -> Option<&Path> {
        self.pin_source.as_deref()
    }

    /// The number of the CMVP certificate that the operator declares for the token's module:
    /// a statement of theirs, which nothing here can check. `None` without `x-cmvp` and for
    /// `x-cmvp=none`.
    pub fn declared(&self) -> Option<u32> {
        self.declared
    }

    /// The token in words: its label, or its serial number.
    pub fn token_name(&self) -> &str {
        self.token
            .as_deref()
            .or(self.serial.as_deref())
            .unwrap_or_default()
    }

    /// Where the key lies, in words: the token, its library, and what is declared of it.
    pub fn origin(&self) -> String {
        let declared = self.declared.map_or_else(
            || "no CMVP number declared".to_owned(),
            |number| format!("declared CMVP #{number}"),
        );
        format!(
            "PKCS#11 token {} (module {}, {declared})",
            self.token_name(),
            self.module_path.display()
        )
    }

    /// The key in words: its label, its identifier or both.
    pub fn key_name(&self) -> String {
        let id = self
            .id
            .as_ref()
            .map(|id| format!("id {}", data_encoding::HEXLOWER.encode(id)));
        match (&self.object, id) {
            (Some(object), Some(id)) => format!("{object:?} ({id})"),
            (Some(object), None) => format!("{object:?}"),
            (None, id) => id.unwrap_or_default(),
        }
    }
}

impl FromStr for Pkcs11Uri {
    type Err = Error;

    fn from_str(uri: &str) -> Result<Self, Error> {
        parse(uri).map_err(|why| Error::KeyUri { why })
    }
}

impl TryFrom<String> for Pkcs11Uri {
    type Error = Error;

    fn try_from(uri: String) -> Result<Self, Error> {
        uri.parse()
    }
}

impl From<Pkcs11Uri> for String {
    fn from(uri: Pkcs11Uri) -> Self {
        uri.to_string()
    }
}

impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = [
            ("token", self.token.as_deref().map(str::as_bytes)),
            ("serial", self.serial.as_deref().map(str::as_bytes)),
            (
                "manufacturer",
                self.manufacturer.as_deref().map(str::as_bytes),
            ),
            ("model", self.model.as_deref().map(str::as_bytes)),
            ("object", self.object.as_deref().map(str::as_bytes)),
            ("id", self.id.as_deref()),
        ];
        let mut before = SCHEME;
        for (name, value) in path {
            if let Some(value) = value {
                write!(f, "{before}{name}={}", Encoded(value))?;
                before = ";";
            }
        }
        // A slash may stand as it is in the query alone (RFC 7512 §2.3).
        let path = |path: &Path| {
            let names = path
                .as_os_str()
                .as_encoded_bytes()
                .split(|byte| *byte == b'/');
            let names: Vec<_> = names.map(|name| Encoded(name).to_string()).collect();
            names.join("/")
        };
        write!(f, "?module-path={}", path(&self.module_path))?;
        if let Some(file) = &self.pin_source {
            write!(f, "&pin-source=file:{}", path(file))?;
        }
        match self.declared {
            Some(number) => write!(f, "&x-cmvp={number}"),
            None => Ok(()),
        }
    }
}

/// A value as it stands in a URI.
struct Encoded<'v>(&'v [u8]);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(*byte))?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

// Values are not repeated in what is answered: one may be a PIN.
fn parse(uri: &str) -> Result<Pkcs11Uri, String> {
    if uri.len() > MOST_BYTES {
        return Err(format!("it is longer than {MOST_BYTES} bytes"));
    }
    let rest = match uri.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
        _ => return Err(format!("it does not begin with {SCHEME}")),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut found = Found::default();
    for attribute in attributes(path, ';', "&") {
        let (name, value) = attribute?;
        found.path_attribute(name, value)?;
    }
    for attribute in attributes(query, '&', "/?|") {
        let (name, value) = attribute?;
        found.query_attribute(name, value)?;
    }
    found.uri()
}

#[derive(Default)]
struct Found {
    token: Option<String>,
    serial: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    object: Option<String>,
    id: Option<Vec<u8>>,
    kind: Option<String>,
    module_path: Option<PathBuf>,
    pin_source: Option<PathBuf>,
    declared: Option<Option<u32>>,
}

impl Found {
    fn path_attribute(&mut self, name: &str, value: Vec<u8>) -> Result<(), String> {
        match name {
            "token" => once(&mut self.token, name, label(name, value, 32)?),
            "serial" => once(&mut self.serial, name, label(name, value, 16)?),
            "manufacturer" => once(&mut self.manufacturer, name, label(name, value, 32)?),
            "model" => once(&mut self.model, name, label(name, value, 16)?),
            "object" => once(&mut self.object, name, label(name, value, 255)?),
            "id" if value.is_empty() || value.len() > 255 => {
                Err("id has no or too many bytes".into())
            }
            "id" => once(&mut self.id, name, value),
            "type" if value == b"private" => once(&mut self.kind, name, "private".to_owned()),
            "type" => Err("type is not private: a key that signs is one".into()),
            _ => Err(format!(
                "the attribute {name:?} is not one of token, serial, manufacturer, model, object, \
                 id, type"
            )),
        }
    }

    fn query_attribute(&mut self, name: &str, value: Vec<u8>) -> Result<(), String> {
        match name {
            "module-path" => once(&mut self.module_path, name, absolute(name, value)?),
            "pin-source" => {
                let file = value.strip_prefix(b"file:").ok_or_else(|| {
                    "pin-source is not file: and the absolute path of a file".to_owned()
                })?;
                once(&mut self.pin_source, name, absolute(name, file.to_vec())?)
            }
            "pin-value" => Err(
                "it holds pin-value, a PIN for all to read; take it out, change the PIN, and give \
                 it by pin-source, a file descriptor or a credential"
                    .into(),
            ),
            "x-cmvp" => once(&mut self.declared, name, declared(&value)?),
            _ => Err(format!(
                "the query attribute {name:?} is not one of module-path, pin-source, x-cmvp"
            )),
        }
    }

    fn uri(self) -> Result<Pkcs11Uri, String> {
        if self.token.is_none() && self.serial.is_none() {
            return Err("it names no token: add token=LABEL or serial=NUMBER".into());
        }
        if self.object.is_none() && self.id.is_none() {
            return Err("it names no key: add object=LABEL or id=%01...".into());
        }
        Ok(Pkcs11Uri {
            token: self.token,
            serial: self.serial,
            manufacturer: self.manufacturer,
            model: self.model,
            object: self.object,
            id: self.id,
            module_path: self
                .module_path
                .ok_or("it names no library: add ?module-path=/absolute/path.so")?,
            pin_source: self.pin_source,
            declared: self.declared.flatten(),
        })
    }
}

type Attribute<'u> = Result<(&'u str, Vec<u8>), String>;

/// The attributes of one part, decoded; `also` may stand in a value as it is.
fn attributes<'u>(
    part: &'u str,
    separator: char,
    also: &'static str,
) -> impl Iterator<Item = Attribute<'u>> {
    part.split(separator)
        .filter(move |_| !part.is_empty())
        .map(move |attribute| {
            let (name, value) = attribute
                .split_once('=')
                .ok_or_else(|| "an attribute lacks its value".to_owned())?;
            Ok((name, decode(name, value, also)?))
        })
}

/// RFC 7512 §2.3: unreserved characters, some reserved ones, and percent-encoded bytes.
fn decode(name: &str, value: &str, also: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let plain = byte.is_ascii_alphanumeric()
            || b"-._~:[]@!$'()*+,=".contains(&byte)
            || also.as_bytes().contains(&byte);
        match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                let decoded = data_encoding::HEXLOWER_PERMISSIVE
                    .decode(&digits)
                    .map_err(|_| format!("{name} has a % without two hexadecimal digits"))?;
                bytes.extend(decoded);
            }
            byte if plain => bytes.push(byte),
            _ => {
                return Err(format!(
                    "{name} has a character that must be percent-encoded (RFC 7512 §2.3)"
                ));
            }
        }
    }
    Ok(bytes)
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is there twice")),
    }
}

fn label(name: &str, value: Vec<u8>, most: usize) -> Result<String, String> {
    let text = String::from_utf8(value).map_err(|_| format!("{name} is not UTF-8"))?;
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        return Err(format!(
            "{name} is empty, longer than {most} bytes, or holds control characters"
        ));
    }
    Ok(text)
}

fn absolute(name: &str, value: Vec<u8>) -> Result<PathBuf, String> {
    let path = PathBuf::from(label(name, value, 1024)?);
    if path.is_absolute() {
        Ok(path)
    } else {
        // A bare name would be looked for where the environment says.
        Err(format!("{name} is not an absolute path"))
    }
}

fn declared(value: &[u8]) -> Result<Option<u32>, String> {
    if value == b"none" {
        return Ok(None);
    }
    let number = str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok());
    match number {
        Some(number @ 1..=99_999) if !value.starts_with(b"+") => Ok(Some(number)),
        _ => Err("x-cmvp is neither none nor the number of a CMVP certificate".into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = "pkcs11:token=My%20token;serial=0123;manufacturer=M;model=m;\
                         object=ca;id=%01%ff;type=private\
                         ?module-path=/usr/lib/m.so&pin-source=file:/etc/pin&x-cmvp=4567";

    #[test]
    fn every_attribute_is_read_and_written() {
        let uri: Pkcs11Uri = WHOLE.parse().unwrap();
        assert_eq!(uri.token(), Some("My token"));
        assert_eq!(uri.serial(), Some("0123"));
        assert_eq!((uri.manufacturer(), uri.model()), (Some("M"), Some("m")));
        assert_eq!(uri.object(), Some("ca"));
        assert_eq!(uri.id(), Some(&[1, 255][..]));
        assert_eq!(uri.module_path(), Path::new("/usr/lib/m.so"));
        assert_eq!(uri.pin_source(), Some(Path::new("/etc/pin")));
        assert_eq!(uri.declared(), Some(4567));
        assert_eq!(uri.key_name(), "\"ca\" (id 01ff)");
        assert_eq!(uri.to_string().parse::<Pkcs11Uri>().unwrap(), uri);
        let json = serde_json::to_string(&uri).unwrap();
        assert_eq!(serde_json::from_str::<Pkcs11Uri>(&json).unwrap(), uri);
    }

    #[test]
    fn what_is_not_exactly_one_key_is_refused() {
        let with = |from: &str, to: &str| WHOLE.replace(from, to);
        for (uri, why) in [
            (with("pkcs11:", "pkcs12:"), "begin with"),
            (with("object=ca", "objekt=ca"), "objekt"),
            (with("serial=0123", "token=b"), "twice"),
            (with("x-cmvp=4567", "x-cmvp=1&x-cmvp=none"), "twice"),
            (with("%01%ff", "%0"), "hexadecimal"),
            (with("%01%ff", "%zz"), "hexadecimal"),
            (with("%01%ff", ""), "bytes"),
            (with("My%20token", "My token"), "percent-encoded"),
            (with("My%20token", "%FF"), "UTF-8"),
            (with("My%20token", "a%0Ab"), "control"),
            (with("My%20token", &"x".repeat(33)), "32"),
            (with("type=private", "type=cert"), "private"),
            (with("type=private", "type"), "value"),
            (with("object=ca", "object=c/a"), "percent-encoded"),
            (with("/usr/lib/m.so", "m.so"), "absolute"),
            (with("file:/etc/pin", "%7Ccat"), "file:"),
            (with("4567", "+4567"), "x-cmvp"),
            (with("4567", "0"), "x-cmvp"),
            (with("x-cmvp", "x-other"), "x-other"),
            ("pkcs11:object=a?module-path=/m".into(), "no token"),
            ("pkcs11:token=a?module-path=/m".into(), "no key"),
            ("pkcs11:token=a;object=b".into(), "no library"),
            (format!("{WHOLE}{}", "x".repeat(MOST_BYTES)), "longer"),
        ] {
            let error = uri.parse::<Pkcs11Uri>().unwrap_err().to_string();
            assert!(error.contains(why), "{uri}: {error}");
        }
    }

    #[test]
    fn a_pin_in_a_uri_is_refused_and_not_repeated() {
        for uri in [
            WHOLE.replace("x-cmvp=4567", "pin-value=hush-hush"),
            WHOLE.replace("x-cmvp=4567", "pin-value=hush-hush&pin-value=hush-hush"),
            WHOLE.replace("x-cmvp=4567", "pin-walue=hush-hush"),
            WHOLE.replace("x-cmvp=4567", "pin-value=hush-hush space"),
        ] {
            let error = uri.parse::<Pkcs11Uri>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(pkcs11:)?[a-z%0-9=;&?/ -]{0,80}") {
            let _ = text.parse::<Pkcs11Uri>();
        }

        #[test]
        fn what_is_written_reads_the_same(
            token in "[^\\p{C}]{1,8}",
            object in "[^\\p{C}]{1,60}",
            id in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let mut text = format!("pkcs11:token={}", Encoded(token.as_bytes()));
            text += &format!(";object={};id={}", Encoded(object.as_bytes()), Encoded(&id));
            text += "?module-path=/m";
            let uri: Pkcs11Uri = text.parse().unwrap();
            prop_assert_eq!(uri.token(), Some(&*token));
            prop_assert_eq!(uri.object(), Some(&*object));
            prop_assert_eq!(uri.id(), Some(&*id));
            prop_assert_eq!(uri.to_string().parse::<Pkcs11Uri>().unwrap(), uri);
        }
    }
}
