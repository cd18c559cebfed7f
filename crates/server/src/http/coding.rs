//! The codings of answers: which one a client likes best (RFC 9110 §12.5.3), and applying it.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderValue, header};

/// Up to this many bytes are compressed where they are: a fraction of a millisecond. More would hold up the other
/// connections of the worker, and goes to the runtime's blocking threads.
const INLINE: usize = 8 << 10;

/// How an answer can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Deflate,
}

/// How much effort is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For what is sent once.
    Usual,
    /// For what is kept.
    Best,
}

impl Coding {
    /// All of them, the best first.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Deflate];
    /// Those for answers that are made as they are sent, as in the official server.
    pub(crate) const QUICK: [Self; 2] = [Self::Gzip, Self::Deflate];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    pub(crate) const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    pub(crate) fn encode(self, content: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
        let level = match effort {
            Effort::Usual => Compression::default(),
            Effort::Best => Compression::best(),
        };
        match self {
            Self::Brotli => {
                let mut out = Vec::new();
                // Quality 9: close to the best, at a tenth of its time.
                let quality = if effort == Effort::Best { 9 } else { 4 };
                let params = brotli::enc::BrotliEncoderParams { quality, ..Default::default() };
                brotli::BrotliCompress(&mut &*content, &mut out, &params)?;
                Ok(out)
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(content)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(content)?;
                encoder.finish()
            }
        }
    }

    /// Encodes an answer's body without holding up its worker. `None` where that cannot be done: send it as it is.
    pub(crate) async fn encode_apart(self, body: Bytes) -> Option<Bytes> {
        let encoded = if body.len() <= INLINE {
            self.encode(&body, Effort::Usual)
        } else {
            let apart = tokio::task::spawn_blocking(move || self.encode(&body, Effort::Usual));
            apart.await.unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        match encoded {
            Ok(encoded) => Some(encoded.into()),
            Err(error) => {
                tracing::error!(%error, coding = self.name(), "an answer could not be compressed");
                None
            }
        }
    }
}

/// The coding that the client likes best; of those that it likes equally, the first that is on offer.
pub(crate) fn negotiate(request: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    if !request.contains_key(header::ACCEPT_ENCODING) {
        return None;
    }
    let mut best: Option<(Coding, f32)> = None;
    for &coding in offered {
        let weight = weight(request, coding.name()).or_else(|| weight(request, "*"));
        if let Some(weight) = weight
            && weight > best.map_or(0.0, |(_, best)| best)
        {
            best = Some((coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

/// What a name weighs among those that the client accepts.
fn weight(request: &HeaderMap, name: &str) -> Option<f32> {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).find_map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        if !pieces.next()?.eq_ignore_ascii_case(name) {
            return None;
        }
        let weight = pieces.find_map(|piece| piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")));
        // What is no number is no preference.
        Some(weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn accepting(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (header::ACCEPT_ENCODING, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_best_accepted_coding_is_chosen() {
        for (accepted, coding) in [
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("gzip, br;q=0.5", Some(Coding::Gzip)),
            ("br;q=0, deflate", Some(Coding::Deflate)),
            ("deflate ; Q=0.8 , gzip;q=0.3", Some(Coding::Deflate)),
            ("*", Some(Coding::Brotli)),
            ("*;q=0.1, gzip", Some(Coding::Gzip)),
            ("br;q=0, *;q=0.5", Some(Coding::Gzip)),
            ("GZIP", Some(Coding::Gzip)),
            ("identity", None),
            ("gzip;q=0", None),
            ("gzip;q=nonsense", None),
            ("gzip;q=NaN", None),
            ("", None),
        ] {
            assert_eq!(negotiate(&accepting(&[accepted]), &Coding::ALL), coding, "{accepted}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &Coding::ALL), None);
        assert_eq!(negotiate(&accepting(&["br"]), &Coding::QUICK), None, "not on offer");
        let several = accepting(&["br;q=0.1", "deflate"]);
        assert_eq!(negotiate(&several, &Coding::ALL), Some(Coding::Deflate), "several headers are one list");
    }

    #[tokio::test]
    async fn small_and_large_bodies_come_back_as_they_were() {
        for size in [1, INLINE, INLINE + 1, 1_000_000] {
            let body = Bytes::from(b"Enchufe ".repeat(size / 8 + 1));
            let encoded = Coding::Gzip.encode_apart(body.clone()).await.unwrap();
            let mut decoded = Vec::new();
            flate2::read::GzDecoder::new(&encoded[..]).read_to_end(&mut decoded).unwrap();
            assert!(decoded == body, "{size} bytes");
        }
    }
}
