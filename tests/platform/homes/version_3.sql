BEGIN TRANSACTION;
CREATE TABLE change (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	lake_key INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	data_seq INTEGER, 
	tag_key INTEGER, 
	job_id BLOB
);
INSERT INTO "change" VALUES(1,1,'READY',1,NULL,NULL);
INSERT INTO "change" VALUES(2,1,'TAGGED',1,1,NULL);
INSERT INTO "change" VALUES(3,1,'READY',2,NULL,NULL);
INSERT INTO "change" VALUES(4,1,'ENDED',NULL,NULL,X'01A22DDA58317E83B3ADB1AC319CE18A');
INSERT INTO "change" VALUES(5,1,'ENDED',NULL,NULL,X'01A22DDA585C7677B26EE7B946583094');
CREATE TABLE connector (
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	client_type VARCHAR NOT NULL, 
	settings TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE
);
INSERT INTO "connector" VALUES(X'1845A83068054550AF22510A7E12151F',X'546F98A12273404F864726D151EBF130','local','minio',NULL);
INSERT INTO "connector" VALUES(X'76D5619104D047E2870295B2D5FA1BF5',X'48BC2420EF394F2F8D4A9D4E09410CE8','local','minio',NULL);
CREATE TABLE data (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id BLOB NOT NULL, 
	lake_key INTEGER NOT NULL, 
	object_name VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	content_type VARCHAR NOT NULL, 
	upload_status VARCHAR NOT NULL, 
	width INTEGER, 
	height INTEGER, 
	file_size BIGINT, 
	metadata TEXT, 
	acquired_at BIGINT, 
	custom_metadata TEXT, 
	etag VARCHAR, 
	source_key INTEGER, 
	created_at BIGINT NOT NULL, 
	error_reason TEXT, 
	UNIQUE (lake_key, object_name), 
	UNIQUE (id), 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE, 
	FOREIGN KEY(source_key) REFERENCES source ("key") ON DELETE SET NULL
);
INSERT INTO "data" VALUES(1,X'01A22DDA58197041AA4E18B627FC8FC9',1,'data/fbac06e3-869a-43e9-b1bf-76ebfe52e3d1.jpg','a.jpg','IMAGE','image/jpeg','DONE',64,48,2081,'{"acquired_at":"2024-03-01T10:00:05Z"}',1709287205000000,'{"k":1}',NULL,1,1796065613849118,NULL);
INSERT INTO "data" VALUES(2,X'01A22DDA583E751186CE69DD33DD1B40',1,'b.jpg','b.jpg','IMAGE','image/jpeg','DONE',320,240,23499,NULL,NULL,NULL,'18ece828ec0bb72c-5bcb',NULL,1796065613885964,NULL);
CREATE TABLE data_tag (
	tag_key INTEGER NOT NULL, 
	data_seq INTEGER NOT NULL, 
	PRIMARY KEY (tag_key, data_seq), 
	FOREIGN KEY(tag_key) REFERENCES tag ("key") ON DELETE CASCADE, 
	FOREIGN KEY(data_seq) REFERENCES data (seq) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "data_tag" VALUES(1,1);
CREATE TABLE import_cursor (
	job_id BLOB NOT NULL, 
	name TEXT NOT NULL, 
	listed_all BOOLEAN NOT NULL, 
	first_seq INTEGER, 
	last_seq INTEGER, 
	measured_seq INTEGER NOT NULL, 
	PRIMARY KEY (job_id), 
	FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE
);
INSERT INTO "import_cursor" VALUES(X'01A22DDA58317E83B3ADB1AC319CE18A','b.jpg',1,2,2,2);
CREATE TABLE import_update (
	job_id BLOB NOT NULL, 
	data_seq INTEGER NOT NULL, 
	PRIMARY KEY (job_id, data_seq), 
	FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE, 
	FOREIGN KEY(data_seq) REFERENCES data (seq) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE installation (
	name VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "installation" VALUES('schema_version','3');
CREATE TABLE job (
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	lake_key INTEGER, 
	user_id BLOB, 
	kind VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	processing_id BLOB, 
	request TEXT, 
	labels TEXT, 
	idempotency_key VARCHAR, 
	cpu INTEGER, 
	gpu INTEGER, 
	held TEXT, 
	log_offset BIGINT, 
	counts TEXT, 
	exit_code INTEGER, 
	reason TEXT, 
	log_object_name VARCHAR, 
	created_at BIGINT NOT NULL, 
	queued_at BIGINT, 
	started_at BIGINT, 
	cancel_requested_at BIGINT, 
	finished_at BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (organization_id, idempotency_key), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE, 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE, 
	FOREIGN KEY(processing_id) REFERENCES processing (id) ON DELETE SET NULL
);
INSERT INTO "job" VALUES(X'01A22DDA58317E83B3ADB1AC319CE18A',X'546F98A12273404F864726D151EBF130',1,X'98367BA4802548A3AC7042464F83F519','IMPORT','SUCCEEDED',NULL,'{"prefixes":["b"],"tag_keys":[],"source_key":null,"on_changed":"skip","fill_metadata":null,"_digest":"0821765a8ef9100716ccaa8c45c2a7109b06f916288cca22f246f1b11b18f259"}',NULL,NULL,NULL,NULL,NULL,NULL,'{"listed":1,"imported":1,"updated":0,"skipped_known":0,"skipped_changed":0,"skipped_type":0,"skipped_name":0,"missing":0,"measured":1,"failed":0}',NULL,NULL,NULL,1796065613873437,NULL,1796065613882935,NULL,1796065613893923);
INSERT INTO "job" VALUES(X'01A22DDA585C7677B26EE7B946583094',X'546F98A12273404F864726D151EBF130',1,X'98367BA4802548A3AC7042464F83F519','PROCESSING','SUCCEEDED',X'01A22DDA56997372AE0ED5D4BD627174','{"image":"datalake-ops/thumbnails","tag":"1","type":null,"target_id":"f3b0a702-2495-4abb-85a4-a95fecac2ab9","parameters":{"max_side":256,"quality":85},"inputs":{},"data":{"count":1,"sha256":"411de82a92c4309afeed2e480a5e903e45fb6f1c85a7a7bef1a1a03a443cffff"},"model_version_id":null,"output_datalake_id":null,"_digest":"c6814ae0e5de8f0debf3f85029b284d85cf37682d03b06096ab2991400765cd9"}',NULL,NULL,1,0,NULL,52,NULL,0,NULL,NULL,1796065613919565,1796065613921409,1796065613961467,NULL,1796065614687016);
CREATE TABLE job_log (
	job_id BLOB NOT NULL, 
	seq INTEGER NOT NULL, 
	line_nb INTEGER, 
	text TEXT NOT NULL, 
	part VARCHAR, 
	special TEXT, 
	PRIMARY KEY (job_id, seq), 
	UNIQUE (job_id, line_nb), 
	FOREIGN KEY(job_id) REFERENCES job (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "job_log" VALUES(X'01A22DDA58317E83B3ADB1AC319CE18A',0,NULL,'importing what starts with ''b''',NULL,NULL);
INSERT INTO "job_log" VALUES(X'01A22DDA58317E83B3ADB1AC319CE18A',1,NULL,'listed 1 objects, imported 1',NULL,NULL);
INSERT INTO "job_log" VALUES(X'01A22DDA58317E83B3ADB1AC319CE18A',2,NULL,'done: listed 1, imported 1, updated 0, skipped_known 0, skipped_changed 0, skipped_type 0, skipped_name 0, missing 0, measured 1, failed 0',NULL,NULL);
INSERT INTO "job_log" VALUES(X'01A22DDA585C7677B26EE7B946583094',0,NULL,'a.jpg: 64 x 48',NULL,NULL);
INSERT INTO "job_log" VALUES(X'01A22DDA585C7677B26EE7B946583094',1,NULL,'1 data: 1 made, 0 existing, 0 failed',NULL,NULL);
CREATE TABLE lake (
	"key" INTEGER NOT NULL, 
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	connector_id BLOB NOT NULL, 
	allow_extra_custom_metadata BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (organization_id, name), 
	UNIQUE (id), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE, 
	FOREIGN KEY(connector_id) REFERENCES connector (id)
);
INSERT INTO "lake" VALUES(1,X'F3B0A70224954ABB85A4A95FECAC2AB9',X'546F98A12273404F864726D151EBF130','default',X'1845A83068054550AF22510A7E12151F',1,1796065613443095);
INSERT INTO "lake" VALUES(2,X'A18B76B7DF864F86AE325936E5974415',X'48BC2420EF394F2F8D4A9D4E09410CE8','default',X'76D5619104D047E2870295B2D5FA1BF5',1,1796065614710928);
CREATE TABLE lake_count (
	lake_key INTEGER NOT NULL, 
	upload_status VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	count INTEGER NOT NULL, 
	PRIMARY KEY (lake_key, upload_status, type), 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "lake_count" VALUES(1,'COMPUTING','IMAGE',0);
INSERT INTO "lake_count" VALUES(1,'DONE','IMAGE',2);
CREATE TABLE metadata_key (
	lake_key INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	configuration TEXT NOT NULL, 
	PRIMARY KEY (lake_key, name), 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE
);
INSERT INTO "metadata_key" VALUES(1,'k','{"required":false,"archived":false,"input_type":"INTEGER"}');
CREATE TABLE organization (
	id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	default_connector_id BLOB NOT NULL, 
	default_lake_id BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "organization" VALUES(X'546F98A12273404F864726D151EBF130','local',X'1845A83068054550AF22510A7E12151F',X'F3B0A70224954ABB85A4A95FECAC2AB9',1796065613442204);
INSERT INTO "organization" VALUES(X'48BC2420EF394F2F8D4A9D4E09410CE8','other',X'76D5619104D047E2870295B2D5FA1BF5',X'A18B76B7DF864F86AE325936E5974415',1796065614710603);
CREATE TABLE processing (
	id BLOB NOT NULL, 
	organization_id BLOB, 
	name VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	type VARCHAR, 
	description TEXT, 
	docker_image VARCHAR NOT NULL, 
	docker_tag VARCHAR NOT NULL, 
	docker_flags TEXT, 
	default_cpu INTEGER, 
	default_gpu INTEGER, 
	default_parameters TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (organization_id, name), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE
);
INSERT INTO "processing" VALUES(X'01A22DDA56967920892E79A7B0ABFA60',X'546F98A12273404F864726D151EBF130','quality-tagging','DATALAKE','DATA_AUTO_TAGGING','Tags images that are blurred, dark, overexposed or of low resolution.','datalake-ops/quality-tagging','1',NULL,1,0,'{"blur_threshold":57.0,"dark_threshold":40.0,"bright_threshold":190.0,"min_side":256,"tag_prefix":"","value_range":null,"keep_old":false}',1796065613462735);
INSERT INTO "processing" VALUES(X'01A22DDA56987E79A1A524C785FA9236',X'546F98A12273404F864726D151EBF130','near-duplicates','DATALAKE','DATA_AUTO_TAGGING','Finds groups of images that look nearly the same and tags each group.','datalake-ops/near-duplicates','1',NULL,1,0,'{"max_distance":8,"tag_prefix":"","keep_old":false}',1796065613464393);
INSERT INTO "processing" VALUES(X'01A22DDA56997372AE0ED5D4BD627174',X'546F98A12273404F864726D151EBF130','thumbnails','DATALAKE',NULL,'Makes a small copy of each image and keeps it as a projection named `thumbnail`.','datalake-ops/thumbnails','1',NULL,1,0,'{"max_side":256,"quality":85}',1796065613465056);
INSERT INTO "processing" VALUES(X'01A22DDA5B7773689C4C7239C01F5056',X'48BC2420EF394F2F8D4A9D4E09410CE8','quality-tagging','DATALAKE','DATA_AUTO_TAGGING','Tags images that are blurred, dark, overexposed or of low resolution.','datalake-ops/quality-tagging','1',NULL,1,0,'{"blur_threshold":57.0,"dark_threshold":40.0,"bright_threshold":190.0,"min_side":256,"tag_prefix":"","value_range":null,"keep_old":false}',1796065614711492);
INSERT INTO "processing" VALUES(X'01A22DDA5B777FA998809B92C5E42623',X'48BC2420EF394F2F8D4A9D4E09410CE8','near-duplicates','DATALAKE','DATA_AUTO_TAGGING','Finds groups of images that look nearly the same and tags each group.','datalake-ops/near-duplicates','1',NULL,1,0,'{"max_distance":8,"tag_prefix":"","keep_old":false}',1796065614711671);
INSERT INTO "processing" VALUES(X'01A22DDA5B77779AB89A951E00287BAA',X'48BC2420EF394F2F8D4A9D4E09410CE8','thumbnails','DATALAKE',NULL,'Makes a small copy of each image and keeps it as a projection named `thumbnail`.','datalake-ops/thumbnails','1',NULL,1,0,'{"max_side":256,"quality":85}',1796065614711818);
CREATE TABLE processing_input (
	processing_id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	input_type VARCHAR NOT NULL, 
	required BOOLEAN NOT NULL, 
	inference_type_constraint VARCHAR, 
	framework_constraint VARCHAR, 
	PRIMARY KEY (processing_id, name), 
	FOREIGN KEY(processing_id) REFERENCES processing (id) ON DELETE CASCADE
);
CREATE TABLE projection (
	id BLOB NOT NULL, 
	data_seq INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	object_name VARCHAR NOT NULL, 
	filename VARCHAR NOT NULL, 
	content_type VARCHAR NOT NULL, 
	file_size BIGINT, 
	width INTEGER, 
	height INTEGER, 
	infos TEXT, 
	compute_status VARCHAR NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (data_seq, object_name), 
	FOREIGN KEY(data_seq) REFERENCES data (seq) ON DELETE CASCADE
);
INSERT INTO "projection" VALUES(X'01A22DDA58297EDC8E382EDC52D4D697',1,'small','data/5806f0b9-d4d6-4f6f-afe3-a8f180599bf4.jpg','s.jpg','image/jpeg',23499,1,1,NULL,'DONE',1796065613865633);
INSERT INTO "projection" VALUES(X'01A22DDA5ADF72509A573F3918EF9BFD',1,'thumbnail','projections/472a0f59-69c2-4263-a0a6-54274ed76bcb.jpg','01a22dda-5819-7041-aa4e-18b627fc8fc9-thumbnail.jpg','image/jpeg',1415,64,48,NULL,'DONE',1796065614559304);
CREATE TABLE source (
	"key" INTEGER NOT NULL, 
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (organization_id, name), 
	UNIQUE (id), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE
);
INSERT INTO "source" VALUES(1,X'01A22DDA56D57B5FA510A5A2910D002F',X'546F98A12273404F864726D151EBF130','camera',1796065613525442);
CREATE TABLE tag (
	"key" INTEGER NOT NULL, 
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	lake_key INTEGER, 
	name VARCHAR NOT NULL, 
	target_type VARCHAR NOT NULL, 
	data_count INTEGER DEFAULT 0 NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (lake_key, name), 
	UNIQUE (id), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE, 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE
);
INSERT INTO "tag" VALUES(1,X'01A22DDA56D175A8893C092FC6E6F613',X'546F98A12273404F864726D151EBF130',1,'front','DATA',1,1796065613521919);
CREATE TABLE token (
	digest BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	user_id BLOB NOT NULL, 
	job_id BLOB, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE, 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO "token" VALUES(X'A61B64E225E62EB5978AC9C8A2FBF5B5DB5985D5E880255D2F948CCB92A56AAA',X'546F98A12273404F864726D151EBF130',X'98367BA4802548A3AC7042464F83F519',NULL,1796065613444259);
INSERT INTO "token" VALUES(X'ED4E16A49F86B4E1A224CF595A19269DDE2BCA28DA899B845E940FCA351E1ED2',X'48BC2420EF394F2F8D4A9D4E09410CE8',X'12C8903879C44B5EAFE0981AE8DB7A13',NULL,1796065614711155);
CREATE TABLE user (
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	username VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (organization_id, username), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE
);
INSERT INTO "user" VALUES(X'98367BA4802548A3AC7042464F83F519',X'546F98A12273404F864726D151EBF130','local');
INSERT INTO "user" VALUES(X'12C8903879C44B5EAFE0981AE8DB7A13',X'48BC2420EF394F2F8D4A9D4E09410CE8','local');
CREATE INDEX ix_token_job_id ON token (job_id);
CREATE UNIQUE INDEX organization_tag ON tag (organization_id, target_type, name) WHERE lake_key IS NULL;
CREATE INDEX ix_data_source_key ON data (source_key);
CREATE INDEX data_not_done ON data (lake_key, upload_status) WHERE upload_status <> 'DONE';
CREATE INDEX data_filename ON data (lake_key, filename);
CREATE INDEX ix_data_lake_key ON data (lake_key);
CREATE INDEX job_by_time ON job (organization_id, created_at);
CREATE INDEX job_by_status ON job (status);
CREATE INDEX data_tag_reverse ON data_tag (data_seq, tag_key);
CREATE INDEX projection_object ON projection (object_name);
CREATE INDEX ix_projection_data_seq ON projection (data_seq);
CREATE INDEX import_update_reverse ON import_update (data_seq);
CREATE TRIGGER data_added AFTER INSERT ON data BEGIN 
    INSERT INTO lake_count (lake_key, upload_status, type, count)
    VALUES (NEW.lake_key, NEW.upload_status, NEW.type, 1)
    ON CONFLICT (lake_key, upload_status, type) DO UPDATE SET count = count + 1;
 END;
CREATE TRIGGER data_taken AFTER DELETE ON data BEGIN 
    UPDATE lake_count SET count = count - 1
    WHERE lake_key = OLD.lake_key AND upload_status = OLD.upload_status AND type = OLD.type;
 END;
CREATE TRIGGER data_moved AFTER UPDATE OF lake_key, upload_status, type ON data BEGIN 
    UPDATE lake_count SET count = count - 1
    WHERE lake_key = OLD.lake_key AND upload_status = OLD.upload_status AND type = OLD.type;
 
    INSERT INTO lake_count (lake_key, upload_status, type, count)
    VALUES (NEW.lake_key, NEW.upload_status, NEW.type, 1)
    ON CONFLICT (lake_key, upload_status, type) DO UPDATE SET count = count + 1;
 END;
CREATE TRIGGER tag_added AFTER INSERT ON data_tag BEGIN UPDATE tag SET data_count = data_count + 1 WHERE key = NEW.tag_key; END;
CREATE TRIGGER tag_taken AFTER DELETE ON data_tag BEGIN UPDATE tag SET data_count = data_count - 1 WHERE key = OLD.tag_key; END;
CREATE TRIGGER change_data_added AFTER INSERT ON data WHEN NEW.upload_status = 'DONE' BEGIN INSERT INTO change (lake_key, kind, data_seq) VALUES (NEW.lake_key, 'READY', NEW.seq); END;
CREATE TRIGGER change_data_ready AFTER UPDATE OF upload_status ON data WHEN NEW.upload_status = 'DONE' AND OLD.upload_status <> 'DONE' BEGIN INSERT INTO change (lake_key, kind, data_seq) VALUES (NEW.lake_key, 'READY', NEW.seq); END;
CREATE TRIGGER change_tag_added AFTER INSERT ON data_tag BEGIN INSERT INTO change (lake_key, kind, data_seq, tag_key) SELECT lake_key, 'TAGGED', NEW.data_seq, NEW.tag_key FROM tag WHERE key = NEW.tag_key; END;
CREATE TRIGGER change_job_ended AFTER UPDATE OF status ON job WHEN NEW.lake_key IS NOT NULL AND NEW.status IN ('SUCCEEDED', 'FAILED', 'KILLED', 'SUCCESS', 'TERMINATED') AND OLD.status NOT IN ('SUCCEEDED', 'FAILED', 'KILLED', 'SUCCESS', 'TERMINATED') BEGIN INSERT INTO change (lake_key, kind, job_id) VALUES (NEW.lake_key, 'ENDED', NEW.id); END;
CREATE TRIGGER change_pruned AFTER INSERT ON change WHEN NEW.seq % 1000 = 0 BEGIN DELETE FROM change WHERE seq <= NEW.seq - 1000000; END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('change',5);
INSERT INTO "sqlite_sequence" VALUES('data',2);
COMMIT;
