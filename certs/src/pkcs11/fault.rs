//! A token's answers in words that say how to mend them.

use cryptoki::error::{Error as Answer, RvError};

pub(super) fn words(answer: &Answer) -> String {
    let mend = match answer {
        Answer::Pkcs11(code, _) => match code {
            RvError::DeviceRemoved | RvError::TokenNotPresent | RvError::SlotIdInvalid => {
                "; put the token back, or see the service behind the library"
            }
            RvError::FunctionNotSupported | RvError::MechanismInvalid => {
                "; the token lacks what is needed: see its mechanisms with pkcs11-tool -M"
            }
            RvError::KeyFunctionNotPermitted => "; the key may not sign: make one with CKA_SIGN",
            RvError::PinExpired => "; set a new PIN with the token's own tool",
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                "; the PIN is wrong, and is not tried again: several wrong ones lock the token"
            }
            RvError::PinLocked => "; the PIN is locked: unlock it with the security officer's PIN",
            RvError::SessionCount => "; close other users of the token",
            RvError::TokenWriteProtected | RvError::SessionReadOnly => {
                "; the token takes no new key: see its write protection"
            }
            _ => "",
        },
        Answer::LibraryLoading(_) => {
            "; see its path, its architecture and the libraries it needs (ldd). A statically \
             linked program cannot load it"
        }
        Answer::MissingSymbol(_) => "; that is no PKCS#11 library",
        _ => "",
    };
    // `PKCS11 error` and the function's name are part of the answer's own words.
    format!("{answer}{mend}")
}

/// Whether the session, the login or the key's handle is gone, which a new session brings back.
pub(super) fn is_lost(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Pkcs11(
            RvError::CryptokiNotInitialized
                | RvError::DeviceError
                | RvError::DeviceRemoved
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::SessionClosed
                | RvError::SessionHandleInvalid
                | RvError::TokenNotPresent
                | RvError::UserNotLoggedIn,
            _
        )
    )
}

/// Whether the PIN was refused: trying it again brings the token nearer to locking.
pub(super) fn is_of_pin(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Pkcs11(
            RvError::PinExpired
                | RvError::PinIncorrect
                | RvError::PinInvalid
                | RvError::PinLenRange
                | RvError::PinLocked,
            _
        )
    )
}
