//! Where a host's bookings are written: changed together with what causes it and the job that follows from it.

use super::change::Change;
use super::item::{diff, number, text, write};
use super::key::Key;
use super::{StoreError, jobs};
use crate::domain::{CalendarRef, Host, Job};

/// A change of where a host's bookings are written, or of an account behind that, in the transaction of its cause.
#[derive(Clone, Debug)]
pub struct Placing<'a> {
    /// The host as it was read.
    pub host: &'a Host,
    /// Where its bookings are written from now on.
    pub write_to: Option<CalendarRef>,
    /// Whether guests may be mailed for it.
    pub mails_guests: bool,
    /// Brings their events there.
    pub job: &'a Job,
}

impl Placing<'_> {
    /// The host's header and the new job.
    pub(super) fn changes(&self) -> Result<[Change; 2], StoreError> {
        let (before, tenant) = (self.host, &self.job.tenant);
        let (write_to, placing) = (self.write_to.clone(), Some(self.job.id.clone()));
        let mut after = Host { write_to, placing, mails_guests: self.mails_guests, ..before.clone() };
        after.revision += u64::from(after.write_to != before.write_to);
        let change = diff(Key::host(tenant, &before.id), &write("host", before)?, &write("host", &after)?);
        let change =
            change.when("attribute_exists(pk) AND #revision = :revision").name("#revision", "revision");
        let change = placed_as_read(change.value(":revision", number(before.revision)), before);
        Ok([change, jobs::put(self.job)?])
    }
}

/// Only as long as nothing has changed where the host's bookings are written since it was read.
pub(super) fn placed_as_read(change: Change, host: &Host) -> Change {
    let change = change.name("#placing", "placing");
    match &host.placing {
        Some(job) => change.and("#placing = :placing").value(":placing", text(job.as_str())),
        None => change.and("attribute_not_exists(#placing)"),
    }
}
