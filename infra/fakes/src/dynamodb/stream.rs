//! Reading a table's stream as Lambda's event source mapping does: in order, at least once.
//!
//! A record counts as handled when the reader comes back for more. For a database in a file that place is kept
//! beside it, so a restart delivers again only what was under way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use serde_json::Value;

use super::DatabaseError;
use crate::aws::REGION;

/// How far each table's stream was read: the public sequence number of the last record.
#[derive(Debug, Default)]
pub(super) struct Places {
    file: Option<PathBuf>,
    handed: BTreeMap<String, String>,
    kept: bool,
}

impl Places {
    /// The places kept in `file`, or the beginning.
    pub(super) fn open(file: Option<PathBuf>) -> std::io::Result<Self> {
        let handed = match file.as_ref().map(std::fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes)?,
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Some(Err(_)) | None => BTreeMap::new(),
        };
        Ok(Self { file, handed, kept: true })
    }

    /// The records after the last ones this gave out, which are handled by now.
    pub(super) fn next(&mut self, db: &Database, table: &str) -> Result<Vec<Value>, DatabaseError> {
        self.keep()?;
        let request = ListStreamsRequest { table_name: Some(table.to_owned()), ..Default::default() };
        let Some(stream) = db.list_streams(request)?.streams.pop() else { return Ok(Vec::new()) };
        let last = self.handed.get(table);
        let start = GetShardIteratorRequest {
            stream_arn: stream.stream_arn.clone(),
            shard_id: dynoxide::streams::shard_id(table),
            shard_iterator_type: if last.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" }
                .to_owned(),
            sequence_number: last.cloned(),
        };
        let mut iterator = db.get_shard_iterator(start)?.shard_iterator;
        let mut found = Vec::new();
        while let Some(shard_iterator) = iterator {
            let page = db.get_records(GetRecordsRequest { shard_iterator, limit: None })?;
            // The shard stays open, so there is always a next iterator; an empty page is the end for now.
            iterator = page.next_shard_iterator.filter(|_| !page.records.is_empty());
            for record in page.records {
                self.kept = false;
                self.handed.insert(table.to_owned(), record.dynamodb.sequence_number.clone());
                let mut record = serde_json::to_value(record)?;
                if let Some(record) = record.as_object_mut() {
                    record.insert("awsRegion".to_owned(), REGION.into());
                    record.insert("eventSourceARN".to_owned(), stream.stream_arn.as_str().into());
                }
                found.push(record);
            }
        }
        Ok(found)
    }

    fn keep(&mut self) -> Result<(), DatabaseError> {
        if let Some(file) = self.file.as_ref().filter(|_| !self.kept) {
            crate::files::keep(file, &serde_json::to_vec(&self.handed)?)?;
        }
        self.kept = true;
        Ok(())
    }
}
