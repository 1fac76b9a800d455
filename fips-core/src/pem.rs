//! The frames of PEM text (RFC 7468), judged before anything is read out of them.
//!
//! PEM readers take what they do not understand for explanatory text. A file that was cut off
//! in the middle of a frame would so lose its last certificate without a word; and a chain that
//! silently lost a part, or a bundle that lost an authority, is worse than an error.

/// Checks that every line of dashes belongs to a complete frame: `BEGIN`, then `END` of the same
/// label, one after another, none of them indented: readers take an indented one for text.
///
/// Lines end with LF, CR LF or CR, as they do for the reader (`rustls-pki-types`).
///
/// # Errors
///
/// What is wrong, and in which line, counted from 1.
pub fn check_frames(text: &[u8]) -> Result<(), String> {
    let mut open: Option<(usize, &[u8])> = None;
    let lines = text
        .split(|byte| *byte == b'\n')
        .enumerate()
        .flat_map(|(index, line)| {
            line.split(|byte| *byte == b'\r')
                .map(move |line| (index, line))
        });
    for (index, line) in lines {
        let number = index + 1;
        let line = line.trim_ascii_end();
        if !line.trim_ascii_start().starts_with(b"-----") {
            continue;
        }
        let label = |word: &[u8]| line.strip_prefix(word)?.strip_suffix(b"-----");
        open = match (open, label(b"-----BEGIN "), label(b"-----END ")) {
            (None, Some(begun), _) => Some((number, begun)),
            (Some((_, begun)), _, Some(ended)) if begun == ended => None,
            (Some((from, _)), _, _) => {
                return Err(format!(
                    "line {number} breaks into the section that begins in line {from}"
                ));
            }
            (None, None, _) => {
                return Err(format!(
                    "line {number} is neither a whole BEGIN nor an END, from its first column on"
                ));
            }
        };
    }
    match open {
        Some((from, _)) => Err(format!(
            "the section that begins in line {from} has no end: the file was cut off"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "words\n-----BEGIN A-----\nAAAA\n-----END A-----\n\
                       -----BEGIN B-----\r\nAAAA\r\n-----END B-----";

    #[test]
    fn whole_frames_pass_with_text_around_them() {
        let (lf, cr) = (
            TWO.replace('\r', ""),
            TWO.replace("\r\n", "\r").replace('\n', "\r"),
        );
        for text in ["", "words\n", TWO, &lf, &cr] {
            check_frames(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn every_cut_inside_a_frame_is_seen() {
        let between = [
            TWO.find("-----BEGIN A").unwrap(),
            TWO.find("-----BEGIN B").unwrap(),
        ];
        for cut in 0..TWO.len() {
            let whole = check_frames(&TWO.as_bytes()[..cut]).is_ok();
            // Up to four dashes are text like any other.
            let outside = cut <= between[0] + 4 || (between[1] - 1..=between[1] + 4).contains(&cut);
            assert_eq!(whole, outside, "{:?}", &TWO[..cut]);
        }
    }

    #[test]
    fn mixed_frames_are_refused() {
        for text in [
            "-----BEGIN A-----\n-----END B-----\n",
            "-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n",
            "-----END A-----\n",
            "-----\n",
            // A reader ends lines at a lone CR too, and takes what is indented for text.
            "words\r-----BEGIN A-----\rAAAA\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
            "  -----BEGIN A-----\n  AAAA\n  -----END A-----\n",
            "-----BEGIN A-----\nAAAA\n -----END A-----\n-----END A-----\n",
        ] {
            assert!(check_frames(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
