CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE folder_cursor (
	source_name VARCHAR(255) NOT NULL,
	folder TEXT NOT NULL,
	uidvalidity INTEGER NOT NULL,
	last_uid INTEGER NOT NULL,
	since DATETIME,
	since_until_uid INTEGER NOT NULL,
	opened_at DATETIME NOT NULL,
	moved_at DATETIME NOT NULL,
	PRIMARY KEY (source_name, folder, uidvalidity)
);
CREATE TABLE lease (
	name VARCHAR(255) NOT NULL,
	holder TEXT NOT NULL,
	leased_until DATETIME NOT NULL,
	token INTEGER NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE org (
	id CHAR(32) NOT NULL,
	slug VARCHAR(63) NOT NULL,
	name TEXT NOT NULL,
	allow_from JSON NOT NULL,
	created_at DATETIME NOT NULL,
	suspended_at DATETIME,
	PRIMARY KEY (id),
	UNIQUE (slug)
);
CREATE TABLE quarantine (
	id INTEGER NOT NULL,
	source_name VARCHAR(255) NOT NULL,
	raw_sha256 VARCHAR(64) NOT NULL,
	raw_key TEXT,
	code VARCHAR(16) NOT NULL,
	reason TEXT NOT NULL,
	recipient TEXT NOT NULL,
	from_address TEXT,
	subject TEXT,
	size_bytes INTEGER NOT NULL,
	received_at DATETIME NOT NULL,
	seen_at DATETIME NOT NULL,
	state VARCHAR(16) NOT NULL,
	resolved_at DATETIME,
	assigned_org_id CHAR(32),
	PRIMARY KEY (id),
	UNIQUE (source_name, raw_sha256)
);
CREATE TABLE source_state (
	source_name VARCHAR(255) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	last_attempt_at DATETIME NOT NULL,
	last_success_at DATETIME,
	failures INTEGER NOT NULL,
	error_json JSON, removed_until DATETIME, taken_until DATETIME, is_behind BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (source_name)
);
CREATE TABLE work (
	message_id CHAR(32) NOT NULL,
	org_id CHAR(32) NOT NULL,
	state VARCHAR(16) NOT NULL,
	due_at DATETIME NOT NULL,
	holder TEXT,
	leased_until DATETIME,
	token INTEGER NOT NULL, deaths INTEGER DEFAULT 0 NOT NULL,
	PRIMARY KEY (message_id)
);
CREATE TABLE org_alias (
	slug VARCHAR(63) NOT NULL,
	org_id CHAR(32) NOT NULL,
	created_at DATETIME NOT NULL,
	PRIMARY KEY (slug),
	FOREIGN KEY(org_id) REFERENCES org (id)
);
CREATE TABLE "inbound_message" (
	org_id CHAR(32) NOT NULL,
	id CHAR(32) NOT NULL,
	source VARCHAR(8) NOT NULL,
	source_message_id TEXT NOT NULL,
	from_address TEXT,
	to_address TEXT,
	recipient TEXT NOT NULL,
	subject TEXT,
	sent_at DATETIME,
	received_at DATETIME NOT NULL,
	size_bytes INTEGER NOT NULL,
	raw_key TEXT,
	raw_sha256 VARCHAR(64) NOT NULL,
	content_sha256 VARCHAR(64) NOT NULL,
	"conflict" BOOLEAN NOT NULL,
	status VARCHAR(16) NOT NULL,
	attempts INTEGER NOT NULL,
	next_attempt_at DATETIME,
	error_json JSON,
	created_at DATETIME NOT NULL,
	updated_at DATETIME NOT NULL, defects JSON DEFAULT '[]' NOT NULL, limits JSON DEFAULT '[]' NOT NULL,
	PRIMARY KEY (org_id, id),
	FOREIGN KEY(org_id) REFERENCES org (id),
	UNIQUE (org_id, source, source_message_id)
);
CREATE TABLE "part" (
	org_id CHAR(32) NOT NULL,
	message_id CHAR(32) NOT NULL,
	path TEXT NOT NULL,
	content_type TEXT NOT NULL,
	sniffed TEXT,
	filename TEXT,
	disposition TEXT,
	content_id TEXT,
	transfer_encoding TEXT NOT NULL,
	size_bytes INTEGER NOT NULL,
	sha256 VARCHAR(64),
	kept BOOLEAN NOT NULL,
	reason TEXT NOT NULL,
	decode_status VARCHAR(16) NOT NULL,
	defects JSON NOT NULL,
	PRIMARY KEY (org_id, message_id, path),
	FOREIGN KEY(org_id, message_id) REFERENCES "inbound_message" (org_id, id)
);
CREATE TABLE "document" (
	org_id CHAR(32) NOT NULL,
	id CHAR(32) NOT NULL,
	message_id CHAR(32) NOT NULL,
	part_path TEXT NOT NULL,
	filename TEXT NOT NULL,
	filename_original TEXT,
	content_type TEXT NOT NULL,
	sniffed TEXT NOT NULL,
	size_bytes INTEGER NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	object_key TEXT NOT NULL,
	decode_status VARCHAR(16) NOT NULL,
	created_at DATETIME NOT NULL,
	PRIMARY KEY (org_id, id),
	FOREIGN KEY(org_id, message_id) REFERENCES "inbound_message" (org_id, id),
	UNIQUE (org_id, message_id, part_path)
);
CREATE TABLE "outbox" (
	org_id CHAR(32) NOT NULL,
	id CHAR(32) NOT NULL,
	message_id CHAR(32) NOT NULL,
	document_id CHAR(32),
	event VARCHAR(32) NOT NULL,
	created_at DATETIME NOT NULL,
	due_at DATETIME NOT NULL,
	attempts INTEGER NOT NULL,
	error_json JSON,
	announced_at DATETIME,
	PRIMARY KEY (org_id, id),
	FOREIGN KEY(org_id, message_id) REFERENCES "inbound_message" (org_id, id)
);
CREATE TABLE "sighting" (
	org_id CHAR(32) NOT NULL,
	id CHAR(32) NOT NULL,
	source_name VARCHAR(255) NOT NULL,
	folder TEXT NOT NULL,
	uidvalidity INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	file_name TEXT NOT NULL,
	internal_date DATETIME NOT NULL,
	size_bytes INTEGER NOT NULL,
	message_id_sha256 VARCHAR(64) NOT NULL,
	raw_sha256 VARCHAR(64) NOT NULL,
	verdict VARCHAR(16) NOT NULL,
	decided_by TEXT NOT NULL,
	message_id CHAR(32),
	quarantine_id INTEGER,
	seen_at DATETIME NOT NULL,
	settled_at DATETIME,
	PRIMARY KEY (org_id, id),
	FOREIGN KEY(org_id, message_id) REFERENCES "inbound_message" (org_id, id),
	CONSTRAINT uq_sighting_copy UNIQUE (source_name, folder, uidvalidity, uid, file_name, raw_sha256, org_id)
);
CREATE INDEX ix_inbound_message_received ON inbound_message (org_id, received_at);
CREATE INDEX ix_inbound_message_status ON inbound_message (org_id, status);
CREATE INDEX ix_document_created ON document (org_id, created_at);
CREATE INDEX ix_outbox_message ON outbox (org_id, message_id);
CREATE INDEX ix_outbox_owed ON outbox (org_id, message_id, due_at) WHERE announced_at IS NULL;
CREATE INDEX ix_sighting_fingerprint ON sighting (source_name, folder, message_id_sha256);
CREATE INDEX ix_sighting_unsettled ON sighting (source_name, id) WHERE settled_at IS NULL;
CREATE INDEX ix_sighting_seen ON sighting (source_name, seen_at);
CREATE INDEX ix_sighting_message ON sighting (org_id, message_id);
CREATE INDEX ix_sighting_digest ON sighting (org_id, message_id_sha256);
CREATE INDEX ix_sighting_held ON sighting (quarantine_id) WHERE quarantine_id IS NOT NULL;
CREATE INDEX ix_work_due ON work (state, due_at);
CREATE TABLE turn (
	source_name VARCHAR(255) NOT NULL,
	due_at DATETIME NOT NULL,
	PRIMARY KEY (source_name)
);
CREATE INDEX ix_turn_due ON turn (due_at);
CREATE TABLE oauth_token (
	source_name VARCHAR(255) NOT NULL,
	sealed TEXT NOT NULL,
	expires_at DATETIME NOT NULL,
	ends_at DATETIME,
	generation INTEGER NOT NULL,
	updated_at DATETIME NOT NULL,
	PRIMARY KEY (source_name)
);
CREATE INDEX ix_inbound_message_raw ON inbound_message (org_id, raw_sha256, id);
CREATE INDEX ix_quarantine_raw ON quarantine (raw_sha256, id);
CREATE INDEX ix_document_sha256 ON document (org_id, sha256, id);
CREATE TABLE notice (
	name VARCHAR(300) NOT NULL,
	code VARCHAR(32) NOT NULL,
	rank INTEGER NOT NULL,
	message TEXT NOT NULL,
	since DATETIME NOT NULL,
	said_at DATETIME,
	PRIMARY KEY (name)
);
CREATE INDEX ix_work_turn ON work (state, org_id, due_at, message_id);
CREATE TABLE standing_rule (
	id INTEGER NOT NULL,
	source_name VARCHAR(255) NOT NULL,
	recipient TEXT NOT NULL,
	org_id CHAR(32) NOT NULL,
	quarantine_id INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(org_id) REFERENCES org (id),
	UNIQUE (source_name, recipient)
);
INSERT INTO alembic_version VALUES ('0011');
