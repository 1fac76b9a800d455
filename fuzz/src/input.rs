//! The fuzzer's bytes read front to back, so that seeds can be written in the same order.

/// What is left of an input. At its end every number is zero and every piece empty.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Big-endian.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// Big-endian.
    pub fn u64(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.u8()))
    }

    pub fn bit(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// The next bytes, at most `len`.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A piece with its length, of two bytes, before it.
    pub fn piece(&mut self) -> &'a [u8] {
        let len = self.u16();
        self.take(usize::from(len))
    }

    pub fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    pub fn choose<T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::from(self.u8()) % from.len()]
    }

    /// Up to three changes of `bytes`; see [`bend`].
    pub fn bend(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bent = bytes.to_vec();
        for _ in 0..self.u8() % 4 {
            bend(self, &mut bent);
        }
        bent
    }
}

/// A piece as [`Input::piece`] reads it.
pub fn piece(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("seeds are short");
    [&len.to_be_bytes()[..], bytes].concat()
}

/// One change: kind, position, value. It may change nothing.
pub fn bend(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    let (kind, position, value) = (input.u8(), usize::from(input.u16()), input.u8());
    let inside = position % bytes.len().max(1);
    match kind % 6 {
        0 if !bytes.is_empty() => bytes[inside] ^= value,
        1 => bytes.truncate(inside),
        2 => bytes.insert(position % (bytes.len() + 1), value),
        3 if !bytes.is_empty() => _ = bytes.remove(inside),
        4 => bytes.push(value),
        5 => {
            // A piece of the input in place of what was there.
            let piece = input.take(usize::from(value));
            let end = (inside + piece.len()).min(bytes.len());
            bytes.splice(inside.min(bytes.len())..end, piece.iter().copied());
        }
        _ => {}
    }
}
