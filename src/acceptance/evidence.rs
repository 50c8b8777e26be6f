//! What stands behind a verdict: requests with ids and timings, rows seen, figures with their distribution, cases.
//!
//! Everything is bounded: of exchanges and rows the first ones are kept and the others counted. All of it can be
//! written to a report and read back.

use serde::{Deserialize, Serialize};

use crate::memory_api::ExchangeRecord;
use crate::model::Timestamp;
use crate::queue::AuditRow;
use crate::traffic::Distribution;

/// Exchanges and rows that are kept of one criterion.
const MOST: usize = 40;
/// Cases and figures that are kept of one criterion.
const MOST_CASES: usize = 400;

/// What was seen while one criterion was judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The first exchanges, in the order of their end.
    pub exchanges: Vec<ExchangeSeen>,
    /// How many there were.
    pub exchanges_total: u64,
    /// Queue rows as last seen.
    pub rows: Vec<RowSeen>,
    /// How many there were.
    pub rows_total: u64,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What was tried, one by one, where the criterion is a list of cases.
    pub cases: Vec<Case>,
    /// Remarks for whoever reads the report.
    pub notes: Vec<String>,
}

/// One request and its answer; redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExchangeSeen {
    /// When it began.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Status, if there was an answer.
    pub status: Option<u16>,
    /// Our request id; the service's own log has it.
    pub request_id: String,
    /// The whole request, in seconds.
    pub seconds: f64,
    /// The start of the answer's body.
    pub excerpt: String,
}

/// One queue row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowSeen {
    /// The row's id.
    pub id: String,
    /// Its chat.
    pub chat_id: String,
    /// Its status as stored.
    pub status: String,
    /// When it was queued, by the database's clock.
    pub created_at: Timestamp,
    /// When it was processed, where the deployment says so.
    pub processed_at: Option<Timestamp>,
    /// Failed attempts.
    pub retry_count: i32,
    /// The worker's last error; redacted.
    pub error_message: Option<String>,
}

/// Something measured, and the bound it was judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, such as `update visible`. The same from run to run, so that two reports can be compared.
    pub name: String,
    /// Its unit, such as `seconds`, `ratio`, `updates`; ratios are between 0 and 1.
    pub unit: String,
    /// The values.
    pub value: FigureValue,
    /// The bound that was promised, in the same unit.
    pub promised: Option<f64>,
    /// Whether less is better, for comparisons.
    pub less_is_better: bool,
}

/// One number, a share of many, or many values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureValue {
    /// One number.
    Number(f64),
    /// So many of so many.
    Share {
        /// Those that count.
        part: u64,
        /// All.
        whole: u64,
    },
    /// Many values.
    Distribution(Distribution),
}

/// One attempt of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What was tried.
    pub name: String,
    /// What the contract asks for.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Whether that is what was asked for; `None` if it could not be tried.
    pub ok: Option<bool>,
}

impl Evidence {
    /// Notes an exchange.
    pub fn exchange(&mut self, record: &ExchangeRecord) {
        self.exchanges_total += 1;
        if self.exchanges.len() < MOST {
            self.exchanges.push(ExchangeSeen {
                at: record.at,
                method: record.method.to_owned(),
                path: record.path.clone(),
                status: record.status,
                request_id: record.request_id.clone(),
                seconds: record.timings.total.as_secs_f64(),
                excerpt: record.body_excerpt.chars().take(300).collect(),
            });
        }
    }

    /// Notes a row.
    pub fn row(&mut self, row: &AuditRow) {
        self.rows_total += 1;
        if self.rows.len() < MOST {
            self.rows.push(RowSeen {
                id: row.id.clone(),
                chat_id: row.chat_id.clone(),
                status: row.row.status.clone(),
                created_at: row.row.created_at,
                processed_at: row.row.processed_at,
                retry_count: row.row.retry_count,
                error_message: row.row.error_message.clone(),
            });
        }
    }

    /// Takes over what was noted elsewhere, as far as there is room.
    pub fn absorb(&mut self, other: Self) {
        let take = |kept: usize, most: usize| most.saturating_sub(kept);
        self.exchanges_total += other.exchanges_total;
        self.exchanges.extend(other.exchanges.into_iter().take(take(self.exchanges.len(), MOST)));
        self.rows_total += other.rows_total;
        self.rows.extend(other.rows.into_iter().take(take(self.rows.len(), MOST)));
        self.figures.extend(other.figures.into_iter().take(take(self.figures.len(), MOST_CASES)));
        self.cases.extend(other.cases.into_iter().take(take(self.cases.len(), MOST_CASES)));
        self.notes.extend(other.notes.into_iter().take(take(self.notes.len(), MOST)));
    }

    /// Notes one number; less is better.
    pub fn number(&mut self, name: &str, unit: &str, value: f64, promised: Option<f64>) {
        self.figure(name, unit, FigureValue::Number(value), promised, true);
    }

    /// Notes a share of good ones; more is better.
    pub fn share(&mut self, name: &str, part: u64, whole: u64, promised: Option<f64>) {
        self.figure(name, "ratio", FigureValue::Share { part, whole }, promised, false);
    }

    /// Notes times in seconds; less is better.
    pub fn times(&mut self, name: &str, values: Distribution, promised: Option<f64>) {
        self.figure(name, "seconds", FigureValue::Distribution(values), promised, true);
    }

    /// Notes a figure.
    pub fn figure(&mut self, name: &str, unit: &str, value: FigureValue, promised: Option<f64>, less_is_better: bool) {
        if self.figures.len() < MOST_CASES {
            let (name, unit) = (name.to_owned(), unit.to_owned());
            self.figures.push(Figure { name, unit, value, promised, less_is_better });
        }
    }

    /// Notes a case.
    pub fn case(&mut self, name: &str, expected: &str, got: impl Into<String>, ok: Option<bool>) {
        if self.cases.len() < MOST_CASES {
            let (name, expected) = (name.to_owned(), expected.to_owned());
            self.cases.push(Case { name, expected, got: got.into(), ok });
        }
    }

    /// Takes over what was noted apart, because it went on at the same time.
    pub fn join(&mut self, other: Self) {
        let room = MOST.saturating_sub(self.exchanges.len());
        self.exchanges.extend(other.exchanges.into_iter().take(room));
        self.exchanges_total += other.exchanges_total;
        let room = MOST.saturating_sub(self.rows.len());
        self.rows.extend(other.rows.into_iter().take(room));
        self.rows_total += other.rows_total;
        other.figures.into_iter().for_each(|figure| {
            self.figure(&figure.name, &figure.unit, figure.value, figure.promised, figure.less_is_better);
        });
        other.cases.into_iter().for_each(|case| self.case(&case.name, &case.expected, case.got, case.ok));
        other.notes.into_iter().for_each(|note| self.note(note));
    }

    /// Notes a remark.
    pub fn note(&mut self, remark: impl Into<String>) {
        if self.notes.len() < MOST {
            self.notes.push(remark.into());
        }
    }
}
