//! An agreement takes a peer's point exactly when it lies on the curve, by arithmetic of our own
//! (SP 800-56Ar3 §5.6.2.3.3, SP 800-186 §3.2.1).

use std::sync::LazyLock;

use fips_core::agreement::{Curve, EphemeralKey};
use num_bigint::BigUint;

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

/// y² = x³ - 3x + b, modulo p.
struct Equation {
    curve: Curve,
    p: BigUint,
    b: BigUint,
}

static EQUATIONS: LazyLock<[Equation; 3]> = LazyLock::new(|| {
    let one = || BigUint::from(1u8);
    let power = |bits: u32| one() << bits;
    let number = |hex: &[u8]| BigUint::parse_bytes(hex, 16).unwrap();
    [
        Equation {
            curve: Curve::P256,
            p: power(256) - power(224) + power(192) + power(96) - one(),
            b: number(b"5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"),
        },
        Equation {
            curve: Curve::P384,
            p: power(384) - power(128) - power(96) + power(32) - one(),
            b: number(
                b"b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a\
                  c656398d8a2ed19d2a85c8edd3ec2aef",
            ),
        },
        Equation {
            curve: Curve::P521,
            p: power(521) - one(),
            b: number(
                b"51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109\
                  e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
            ),
        },
    ]
});

impl Equation {
    fn right(&self, x: &BigUint) -> BigUint {
        let three = BigUint::from(3u8);
        // p is added so that nothing is negative.
        (x * x * x + &three * (&self.p - x % &self.p) + &self.b) % &self.p
    }

    fn holds(&self, point: &[u8]) -> bool {
        let Some((4, coordinates)) = point.split_first() else {
            return false;
        };
        let half = self.curve.point_len() / 2;
        if coordinates.len() != 2 * half {
            return false;
        }
        let [x, y] = [&coordinates[..half], &coordinates[half..]].map(BigUint::from_bytes_be);
        x < self.p && y < self.p && &y * &y % &self.p == self.right(&x)
    }

    /// A point with this x, if there is one: p is 3 modulo 4 for each curve.
    fn lift(&self, x: &[u8], odd: bool) -> Option<Vec<u8>> {
        let x = BigUint::from_bytes_be(x) % &self.p;
        let mut y = self.right(&x).modpow(&((&self.p + 1u8) >> 2), &self.p);
        if y.bit(0) != odd {
            y = &self.p - y;
        }
        let half = self.curve.point_len() / 2;
        let padded = |number: BigUint| {
            let bytes = number.to_bytes_be();
            [vec![0; half.saturating_sub(bytes.len())], bytes].concat()
        };
        let point = [vec![4], padded(x), padded(y)].concat();
        self.holds(&point).then_some(point)
    }
}

pub(super) fn run(data: &[u8]) {
    boundary();
    let mut input = Input(data);
    let equation = input.choose(&*EQUATIONS);
    let (lifted, odd) = (input.bit(), input.bit());
    let bytes = input.piece();
    let point = match lifted.then(|| equation.lift(bytes, odd)) {
        Some(None) => return,
        Some(Some(point)) => input.bend(&point),
        None => bytes.to_vec(),
    };
    let key = EphemeralKey::generate(equation.curve).unwrap();
    let own = key.public_key().to_vec();
    assert!(equation.holds(&own));
    match key.agree(&point) {
        Ok(secret) => {
            assert!(equation.holds(&point), "{point:02x?}");
            assert_eq!(secret.as_bytes().len(), equation.curve.point_len() / 2);
        }
        Err(error) => {
            assert!(!equation.holds(&point), "{point:02x?}: {error}");
            assert_error(&error);
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, equation) in EQUATIONS.iter().enumerate() {
        let index = index as u8;
        let own = EphemeralKey::generate(equation.curve).unwrap();
        let point = own.public_key();
        seeds.push([&[index, 0, 0][..], &piece(point)].concat());
        // Its other half, a compressed form, the field's end, the point at infinity.
        let half = point.len() / 2;
        seeds.push(
            [
                &[index, 0, 0][..],
                &piece(&[&[2], &point[1..=half]].concat()),
            ]
            .concat(),
        );
        let end = equation.p.to_bytes_be();
        seeds.push(
            [
                &[index, 0, 0][..],
                &piece(&[&[4], &end[..], &point[half + 1..]].concat()),
            ]
            .concat(),
        );
        seeds.push([index, 0, 0, 0, 1, 0].to_vec());
        for x in [&[5][..], &point[1..=half]] {
            for odd in [0, 1] {
                seeds.push([&[index, 1, odd][..], &piece(x)].concat());
                seeds.push([&[index, 1, odd][..], &piece(x), &[1, 0, 0, 9, 1]].concat());
            }
        }
    }
    seeds
}
