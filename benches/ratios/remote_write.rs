//! Writes samples in Prometheus's remote write protocol, version 1: protobuf in a Snappy block.
//!
//! Both by hand: the message has four small types, and Snappy allows blocks of literals only.

use memsentry::model::Labels;

/// Longest literal whose length fits into two bytes.
const LITERAL: usize = 65_536;

/// Headers of the request, beside its length.
pub const HEADERS: &str = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
                           X-Prometheus-Remote-Write-Version: 0.1.0\r\n";

/// The body of a write request: series with times (milliseconds) and values.
pub fn body<'a>(series: impl Iterator<Item = (&'a Labels, Vec<(i64, f64)>)>) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, samples) in series {
        let mut one = Vec::new();
        for (name, value) in labels.iter() {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut one, 1, &label);
        }
        for (at, value) in samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend(value.to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, at.unsigned_abs());
            field(&mut one, 2, &sample);
        }
        field(&mut request, 1, &one);
    }
    snappy(&request)
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[allow(clippy::cast_possible_truncation)]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)]
    out.push(value as u8);
}

fn snappy(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + data.len() / LITERAL * 3 + 16);
    varint(&mut out, data.len() as u64);
    for literal in data.chunks(LITERAL) {
        out.push(61 << 2);
        #[allow(clippy::cast_possible_truncation)]
        out.extend(((literal.len() - 1) as u16).to_le_bytes());
        out.extend(literal);
    }
    out
}
