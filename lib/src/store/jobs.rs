//! Jobs: what is too long for one request, done in pages under a lease.
//!
//! ```text
//! pk  T#<tenant>   sk  JOB#<id>                kind, status, cursor, done, total, rev, ended_at, due_at, lease
//! pk  T#<tenant>   sk  JOBRESULT#<id>#000001   some of the results, at most 300 KB
//! ```
//!
//! A job that has ended stays due: 7 days later it is removed with its results. That is no `ttl`, because results are
//! written before their job's end is known, and the table removes what has expired days late. A page's results and the
//! job's new cursor are one transaction, so a job that is killed goes on where it was, and nothing is found twice.

use super::change::Change;
use super::due::shard;
use super::item::{diff, number, read, text, write};
use super::key::{self, Key};
use super::{Item, Store, StoreError};
use crate::domain::{Job, JobId, Tenant};

impl Store {
    /// Creates a job.
    pub async fn add_job(&self, job: &Job) -> Result<(), StoreError> {
        self.transact(&[put(job)?]).await
    }

    /// A job, strongly consistent.
    pub async fn job(&self, tenant: &Tenant, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.get(Key::job(tenant, id)).await?.map(from_item).transpose()
    }

    /// Changes a job that is still as read, and adds a page of results if there is one.
    pub async fn change_job(
        &self,
        before: &Job,
        after: &Job,
        results: Option<&str>,
    ) -> Result<(), StoreError> {
        let change = diff(Key::job(&after.tenant, &after.id), &stored(before)?, &stored(after)?)
            .when("#rev = :rev")
            .name("#rev", "rev")
            .value(":rev", number(before.rev));
        let put = results.map(|results| {
            let item = Item::from([("results".to_owned(), text(results))]);
            Change::put(Key::job_result(&after.tenant, &after.id, after.pages), item)
        });
        let changes: Vec<Change> = std::iter::once(change).chain(put).collect();
        self.transact(&changes).await
    }

    /// One page of a job's results, strongly consistent; pages count from 1.
    pub async fn job_results(
        &self,
        tenant: &Tenant,
        id: &JobId,
        page: u32,
    ) -> Result<Option<String>, StoreError> {
        let item = self.get(Key::job_result(tenant, id, page)).await?;
        Ok(item.and_then(|item| item.get("results")?.as_s().ok().cloned()))
    }

    /// Every job of a tenant that is still kept, strongly consistent, without results.
    pub async fn jobs(&self, tenant: &Tenant) -> Result<Vec<Job>, StoreError> {
        let values = [(":pk", text(key::tenant_partition(tenant))), (":sk", text(key::JOB_PREFIX))];
        let items = self.query("pk = :pk AND begins_with(sk, :sk)", &values, true).await?;
        items.into_iter().map(from_item).collect()
    }

    /// Removes a job that is still as read, after its results.
    pub async fn remove_job(&self, job: &Job) -> Result<(), StoreError> {
        self.remove_job_results(job).await?;
        let delete = Change::delete(Key::job(&job.tenant, &job.id))
            .when("attribute_not_exists(pk) OR #rev = :rev")
            .name("#rev", "rev")
            .value(":rev", number(job.rev));
        self.commit(&[delete]).await
    }

    /// Removes the results of a job.
    pub async fn remove_job_results(&self, job: &Job) -> Result<(), StoreError> {
        for page in 1..=job.pages {
            self.commit(&[Change::delete(Key::job_result(&job.tenant, &job.id, page))]).await?;
        }
        Ok(())
    }
}

/// Creates a job beside what it is for.
pub(super) fn put(job: &Job) -> Result<Change, StoreError> {
    Ok(Change::put(Key::job(&job.tenant, &job.id), stored(job)?).when("attribute_not_exists(pk)"))
}

fn stored(job: &Job) -> Result<Item, StoreError> {
    let mut item = write("job", job)?;
    item.insert("due_shard".to_owned(), text(shard(job.id.as_str())));
    Ok(item)
}

fn from_item(item: Item) -> Result<Job, StoreError> {
    read("job", item)
}
