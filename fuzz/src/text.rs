//! What text for people must be.

/// Panics where `text` could move a cursor, break a line, or read in another order.
#[track_caller]
pub fn assert_one_line(text: &str) {
    let odd = text.chars().find(|&character| {
        character.is_control()
            || matches!(
                character,
                '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                    | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
            )
    });
    assert_eq!(odd, None, "in {text:?}");
}

/// As [`assert_one_line`], for errors.
#[track_caller]
pub fn assert_error(error: &dyn std::error::Error) {
    assert_one_line(&error.to_string());
}
