-- How the night of a school and a day stands, or how it last came out: what people see, and what need not run
-- again. What is to be run stands in the queue, procrastinate's own tables (procrastinate_3_10.sql).
CREATE TABLE reconciliation_run (
  school_id bigint NOT NULL,
  business_date date NOT NULL,
  state text NOT NULL,
  -- the step it is in, and how much of it is done, of how much
  step text NOT NULL DEFAULT '',
  done bigint NOT NULL DEFAULT '0',
  total bigint NOT NULL DEFAULT '0',
  worker text NOT NULL DEFAULT '',
  attempts integer NOT NULL DEFAULT 0,
  result_hash text,
  error_code text,
  queued_at timestamptz,
  started_at timestamptz,
  heartbeat_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT pk_reconciliation_run PRIMARY KEY (school_id, business_date),
  CONSTRAINT fk_reconciliation_run_school_id FOREIGN KEY (school_id) REFERENCES school (id),
  CONSTRAINT ck_reconciliation_run_state_known CHECK (state IN ('queued', 'running', 'done', 'failed')),
  CONSTRAINT ck_reconciliation_run_done_whole
    CHECK ((state = 'done') <= (result_hash IS NOT NULL AND finished_at IS NOT NULL)),
  CONSTRAINT ck_reconciliation_run_failed_whole
    CHECK ((state = 'failed') <= (error_code IS NOT NULL AND finished_at IS NOT NULL))
);
