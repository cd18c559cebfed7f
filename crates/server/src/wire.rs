//! Stand-in for `enchufe_proto::socket` until it lands.
#![expect(unreachable_pub, missing_docs, reason = "goes when the protocol crate has these")]
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

#[derive(Debug)]
pub struct Args<'a> {
    raw: Vec<&'a serde_json::value::RawValue>,
}
pub type ArgsError = serde_json::Error;
#[derive(Debug, Clone, Serialize)]
pub struct RawArgs(String);

impl<'a> Args<'a> {
    pub fn parse(text: &'a str) -> Self {
        Self { raw: serde_json::from_str(text).expect("array") }
    }
    pub fn len(&self) -> usize {
        self.raw.len()
    }
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        let all = serde_json::to_string(&self.raw)?;
        serde_json::from_str::<T>(&all).or_else(|e| match self.raw.first() {
            Some(f) => serde_json::from_str(f.get()),
            None => Err(e),
        })
    }
    pub fn to_raw(&self) -> RawArgs {
        RawArgs(serde_json::to_string(&self.raw).expect("json"))
    }
}
pub fn write_answer<T: Serialize + ?Sized>(
    v: &T,
    out: &mut Vec<u8>,
    _b: &mut Vec<Bytes>,
) -> Result<(), serde_json::Error> {
    let t = serde_json::to_string(v)?;
    let t = if t == "null" {
        "[]".into()
    } else if let Some(r) = t.strip_prefix("{\"Ok\":") {
        format!("[{}]", &r[..r.len() - 1])
    } else if let Some(r) = t.strip_prefix("{\"Err\":") {
        format!("[{{\"error\":{}}}]", &r[..r.len() - 1])
    } else {
        format!("[{t}]")
    };
    out.extend_from_slice(t.as_bytes());
    Ok(())
}
pub fn write_args<T: Serialize + ?Sized>(
    v: &T,
    out: &mut Vec<u8>,
    _b: &mut Vec<Bytes>,
) -> Result<(), serde_json::Error> {
    let t = serde_json::to_string(v)?;
    out.extend_from_slice(
        if t == "null" {
            "[]".into()
        } else if t.starts_with('[') {
            t
        } else {
            format!("[{t}]")
        }
        .as_bytes(),
    );
    Ok(())
}

impl RawArgs {
    pub(crate) fn len(&self) -> usize {
        serde_json::from_str::<Vec<serde_json::Value>>(&self.0).expect("json").len()
    }
}
