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
INSERT INTO "change" VALUES(2,1,'READY',2,NULL,NULL);
INSERT INTO "change" VALUES(3,1,'READY',3,NULL,NULL);
INSERT INTO "change" VALUES(4,1,'READY',4,NULL,NULL);
INSERT INTO "change" VALUES(5,1,'READY',5,NULL,NULL);
INSERT INTO "change" VALUES(6,1,'READY',6,NULL,NULL);
INSERT INTO "change" VALUES(7,1,'READY',7,NULL,NULL);
INSERT INTO "change" VALUES(8,1,'READY',8,NULL,NULL);
INSERT INTO "change" VALUES(9,1,'READY',9,NULL,NULL);
INSERT INTO "change" VALUES(10,1,'READY',10,NULL,NULL);
INSERT INTO "change" VALUES(11,1,'READY',11,NULL,NULL);
INSERT INTO "change" VALUES(12,1,'READY',12,NULL,NULL);
CREATE TABLE connector (
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	client_type VARCHAR NOT NULL, 
	settings TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE
);
INSERT INTO "connector" VALUES(X'1D9EBDA146804386859F644DD6BDC04B',X'F76AB5A9E20A4E618306727EA252788A','local','minio',NULL);
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
	custom_metadata TEXT, 
	source_key INTEGER, 
	created_at BIGINT NOT NULL, 
	error_reason TEXT, 
	UNIQUE (lake_key, object_name), 
	UNIQUE (id), 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE, 
	FOREIGN KEY(source_key) REFERENCES source ("key") ON DELETE SET NULL
);
INSERT INTO "data" VALUES(1,X'01A22CAF05287FE2B375C2BECABA0C72',1,'data/3cbd6113-abd6-438a-896c-e542cb8aa3c9.png','00.png','IMAGE','image/png','DONE',4,4,69,'{"acquired_at":"2024-03-01T10:00:00","weather":"rain"}',NULL,NULL,1796045997352216,NULL);
INSERT INTO "data" VALUES(2,X'01A22CAF058F7019A30FAFF75F2FFD0E',1,'data/b62b626f-80ea-47a5-8312-eaddb8c0d2f7.png','01.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01T10:00:00Z","weather":"rain"}',NULL,NULL,1796045997456019,NULL);
INSERT INTO "data" VALUES(3,X'01A22CAF05EA7E3A8603A7B4E9FB575D',1,'data/fdc11e0f-2687-47f9-870e-35d855a8620e.png','02.png','IMAGE','image/png','DONE',4,4,75,'{"acquired_at":"2024-03-01T10:00:00+0530","weather":"rain"}',NULL,NULL,1796045997546811,NULL);
INSERT INTO "data" VALUES(4,X'01A22CAF066A7838A4C19BCB135A32AC',1,'data/4a0ff59c-cc40-49f6-a0a0-efd812ddb8e1.png','03.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01T10+02","weather":"rain"}',NULL,NULL,1796045997674720,NULL);
INSERT INTO "data" VALUES(5,X'01A22CAF06C0729A9784B8C6AC40D2BD',1,'data/98711738-710d-4f9b-9b67-d2b355f4c4b5.png','04.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"20240301T100000","weather":"rain"}',NULL,NULL,1796045997760215,NULL);
INSERT INTO "data" VALUES(6,X'01A22CAF071275D8A9AA1B92C616EA11',1,'data/2f733493-e43d-41d2-9c8e-d29a0599d482.png','05.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-W09-5T10:00:00","weather":"rain"}',NULL,NULL,1796045997842516,NULL);
INSERT INTO "data" VALUES(7,X'01A22CAF076F7DF687B1B91C802A5900',1,'data/b17033e1-4a23-4f32-bbe4-85162a10f16c.png','06.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01T10:00:00,5","weather":"rain"}',NULL,NULL,1796045997935186,NULL);
INSERT INTO "data" VALUES(8,X'01A22CAF07BB75968AE962D16CBB1931',1,'data/d6659269-26c1-4d99-a083-4c5bc4bc83a9.png','07.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01","weather":"rain"}',NULL,NULL,1796045998011744,NULL);
INSERT INTO "data" VALUES(9,X'01A22CAF0846731498EF4AEB6349FD9C',1,'data/131b1d43-b083-4a66-8e3e-95db050d11e6.png','08.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01T10:00:00.123456+00:00","weather":"rain"}',NULL,NULL,1796045998150086,NULL);
INSERT INTO "data" VALUES(10,X'01A22CAF08C37A9EA6B5D7314C69E7B3',1,'data/63b546e5-ee46-436b-a75e-4b035811ded3.png','09.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01_10:00:00","weather":"rain"}',NULL,NULL,1796045998275562,NULL);
INSERT INTO "data" VALUES(11,X'01A22CAF094F7BBC9AE2F247D34E92BC',1,'data/c3ff8595-68ba-4d72-8c33-da85b10dc063.png','10.png','IMAGE','image/png','DONE',4,4,77,'{"acquired_at":"2024-03-01T10:00:00+05:30:15.5","weather":"rain"}',NULL,NULL,1796045998415649,NULL);
INSERT INTO "data" VALUES(12,X'01A22CAF098A73F89CA3BF4FB49830AF',1,'data/bd2cece4-de7d-4d48-accc-467df5f65b8b.png','none.png','IMAGE','image/png','DONE',4,4,69,'{"weather":"sun"}',NULL,NULL,1796045998474362,NULL);
CREATE TABLE data_tag (
	tag_key INTEGER NOT NULL, 
	data_seq INTEGER NOT NULL, 
	PRIMARY KEY (tag_key, data_seq), 
	FOREIGN KEY(tag_key) REFERENCES tag ("key") ON DELETE CASCADE, 
	FOREIGN KEY(data_seq) REFERENCES data (seq) ON DELETE CASCADE
)
 WITHOUT ROWID

;
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
CREATE TABLE installation (
	name VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "installation" VALUES('schema_version','2');
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
INSERT INTO "lake" VALUES(1,X'036A1DF6833945DC955CFAE0C7D87A4E',X'F76AB5A9E20A4E618306727EA252788A','default',X'1D9EBDA146804386859F644DD6BDC04B',1,1796045987373310);
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
INSERT INTO "lake_count" VALUES(1,'DONE','IMAGE',12);
CREATE TABLE metadata_key (
	lake_key INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	configuration TEXT NOT NULL, 
	PRIMARY KEY (lake_key, name), 
	FOREIGN KEY(lake_key) REFERENCES lake ("key") ON DELETE CASCADE
);
CREATE TABLE organization (
	id BLOB NOT NULL, 
	name VARCHAR NOT NULL, 
	default_connector_id BLOB NOT NULL, 
	default_lake_id BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "organization" VALUES(X'F76AB5A9E20A4E618306727EA252788A','local',X'1D9EBDA146804386859F644DD6BDC04B',X'036A1DF6833945DC955CFAE0C7D87A4E',1796045987358451);
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
INSERT INTO "processing" VALUES(X'01A22CAEDED57A8CACAB3749317E580B',X'F76AB5A9E20A4E618306727EA252788A','quality-tagging','DATALAKE','DATA_AUTO_TAGGING','Tags images that are blurred, dark, overexposed or of low resolution.','datalake-ops/quality-tagging','1',NULL,1,0,'{"blur_threshold":57.0,"dark_threshold":40.0,"bright_threshold":190.0,"min_side":256,"tag_prefix":""}',1796045987541200);
INSERT INTO "processing" VALUES(X'01A22CAEDEF07BC5A26B3AD7D1EA64BE',X'F76AB5A9E20A4E618306727EA252788A','near-duplicates','DATALAKE','DATA_AUTO_TAGGING','Finds groups of images that look nearly the same and tags each group.','datalake-ops/near-duplicates','1',NULL,1,0,'{"max_distance":8,"tag_prefix":""}',1796045987568085);
INSERT INTO "processing" VALUES(X'01A22CAEDEF07F3D8DC7965CA5CD85D0',X'F76AB5A9E20A4E618306727EA252788A','thumbnails','DATALAKE',NULL,'Makes a small copy of each image and keeps it as a projection named `thumbnail`.','datalake-ops/thumbnails','1',NULL,1,0,'{"max_side":256,"quality":85}',1796045987568798);
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
INSERT INTO "token" VALUES(X'F7777C320C0DB88F85C3758FE3C119C616EF1E8F2DAC2EBDAD62A1594C8301C9',X'F76AB5A9E20A4E618306727EA252788A',X'33FB20CF630A49BC9DA47A4F2A551756',NULL,1796045987396121);
CREATE TABLE user (
	id BLOB NOT NULL, 
	organization_id BLOB NOT NULL, 
	username VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (organization_id, username), 
	FOREIGN KEY(organization_id) REFERENCES organization (id) ON DELETE CASCADE
);
INSERT INTO "user" VALUES(X'33FB20CF630A49BC9DA47A4F2A551756',X'F76AB5A9E20A4E618306727EA252788A','local');
CREATE INDEX ix_token_job_id ON token (job_id);
CREATE UNIQUE INDEX organization_tag ON tag (organization_id, target_type, name) WHERE lake_key IS NULL;
CREATE INDEX data_not_done ON data (lake_key, upload_status) WHERE upload_status <> 'DONE';
CREATE INDEX ix_data_lake_key ON data (lake_key);
CREATE INDEX data_filename ON data (lake_key, filename);
CREATE INDEX ix_data_source_key ON data (source_key);
CREATE INDEX job_by_status ON job (status);
CREATE INDEX job_by_time ON job (organization_id, created_at);
CREATE INDEX data_tag_reverse ON data_tag (data_seq, tag_key);
CREATE INDEX ix_projection_data_seq ON projection (data_seq);
CREATE INDEX projection_object ON projection (object_name);
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
INSERT INTO "sqlite_sequence" VALUES('change',12);
INSERT INTO "sqlite_sequence" VALUES('data',12);
COMMIT;
