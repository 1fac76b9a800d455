//! Where the module lies in a linked binary.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::fs;
use std::ops::Range;
use std::path::Path;

use object::{Object, ObjectKind, ObjectSegment, ObjectSymbol};

/// A function inside the module that nothing calls.
pub(crate) const UNUSED: &str = "MD4_Transform";

pub(crate) struct Binary(pub(crate) Vec<u8>);

impl Binary {
    pub(crate) fn read(path: &Path) -> Self {
        Self(fs::read(path).unwrap())
    }

    fn parsed(&self) -> object::File<'_> {
        object::File::parse(&*self.0).unwrap()
    }

    /// Whether it is loaded at any address, to be added to those of its symbols.
    pub(crate) fn is_position_independent(&self) -> bool {
        self.parsed().kind() == ObjectKind::Dynamic
    }

    /// The address of the one symbol whose name ends so: names carry the build's prefix.
    pub(crate) fn address(&self, suffix: &str) -> u64 {
        let elf = self.parsed();
        let mut found = elf
            .symbols()
            .filter(|symbol| symbol.name().is_ok_and(|name| name.ends_with(suffix)));
        let address = found.next().expect(suffix).address();
        assert!(found.next().is_none(), "more than one symbol {suffix}");
        address
    }

    /// The place in the file that is loaded at `address`.
    pub(crate) fn offset(&self, address: u64) -> u64 {
        self.parsed()
            .segments()
            .find_map(|segment| {
                let (start, len) = segment.file_range();
                let into = address.checked_sub(segment.address())?;
                (into < len).then_some(start + into)
            })
            .expect("an address of the file")
    }

    /// The module's text and constants, in the file.
    pub(crate) fn module(&self) -> Range<u64> {
        let of = |name| self.offset(self.address(name));
        of("BORINGSSL_bcm_text_start")..of("BORINGSSL_bcm_text_end")
    }
}
