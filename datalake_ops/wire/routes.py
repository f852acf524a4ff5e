"""Paths of the wire, written once: the client fills them with `format`, the platform routes by them."""

PING = "/api/home/ping"
ORGANIZATION_FIND = "/api/organizations/find"
ORGANIZATION = "/api/organization/{organization}"
ORGANIZATION_USERS = "/api/access/organization/{organization}/users"
ORGANIZATION_DATALAKE = "/api/organization/{organization}/datalake"
ORGANIZATION_DATALAKES = "/api/organization/{organization}/datalakes"
DATALAKE = "/api/datalake/{datalake}"

OBJECT_NAME = "/api/organization/{organization}/connector/{connector}/generate_object_name"
PRESIGN_UPLOADS = "/api/organization/{organization}/connector/{connector}/presign_uploads"  # extension presigned-batch
PRESIGNED_UPLOAD = "/api/object-storage/{connector}/generate_presigned_url"
MULTIPART_START = "/api/object-storage/{connector}/init_multipart_upload"
MULTIPART_PART = "/api/object-storage/{connector}/generate_part_presigned_url"
MULTIPART_END = "/api/object-storage/{connector}/complete_part_upload"
MULTIPART_PARTS = "/api/object-storage/{connector}/list_parts"  # extension multipart-parts
PRESIGNED_DOWNLOAD = "/api/object-storage/{connector}/retrieve_presigned_url"
OBJECT_STAT = "/api/object-storage/{connector}/stat"  # extension object-stat

DATAS = "/api/datalake/{datalake}/datas"
DATAS_FIND = "/api/datalake/{datalake}/datas/find"
DATAS_IDS = "/api/datalake/{datalake}/datas/ids/paginated"
DATAS_SEARCH = "/api/datalake/{datalake}/datas/ids/visual-search"
DATA_BULK = "/api/datalake/{datalake}/data/bulk"
DATA = "/api/data/{data}"
DATA_CUSTOM_METADATA = "/api/data/{data}/custom-metadata"
DATA_ADDRESS = "/api/data/{data}/presigned-url"
PROJECTIONS = "/api/data/{data}/projections"
PROJECTION = "/api/data/projection/{projection}"
PROJECTION_ADDRESS = "/api/data/projection/{projection}/presigned-url"

SOURCES = "/api/organization/{organization}/datasources"
SOURCES_FIND = "/api/organization/{organization}/datasources/find"
SOURCE = "/api/data/source/{source}"

TAGS = "/api/datalake/{datalake}/tags"
TAGS_FIND = "/api/datalake/{datalake}/tags/find"
ORGANIZATION_TAGS = "/api/organization/{organization}/tags"
ORGANIZATION_TAGS_FIND = "/api/organization/{organization}/tags/find"
TAG = "/api/tag/{tag}"
TAG_ATTACH = "/api/tag/{tag}/attach"
TAG_DETACH = "/api/tag/{tag}/detach"

METADATA_SCHEMA = "/api/datalake/{datalake}/custom-metadata"
METADATA_SCHEMA_KEY = "/api/datalake/{datalake}/custom-metadata/keys/{key}"

IMPORT_OBJECTS = "/api/datalake/{datalake}/objects"
IMPORT_PROJECTIONS = "/api/datalake/{datalake}/objects/projections"
LAUNCH = "/api/datalake/{datalake}/processing/launch"

JOB_V1 = "/api/job/{job}"
JOB = "/api/v2/job/{job}"
JOB_STATE = "/api/v2/job/{job}/{state}"  # running, succeed, fail
JOB_LOGGING = "/api/v2/job/{job}/logging"
JOB_LOGGING_SAVE = "/api/v2/job/{job}/logging/save"
JOBS_FIND = "/api/organization/{organization}/jobv2s/find"
JOB_KILL = "/api/v2/job/{job}/kill"  # extension job-kill
JOB_LOGS = "/api/v2/job/{job}/logs"  # extension job-logs
JOBS = "/api/organization/{organization}/jobv2s"  # extensions idempotency-key and job-labels: look-up
JOBS_BATCH = "/api/organization/{organization}/jobv2s/batch"  # extension job-batch

PROCESSINGS = "/api/organization/{organization}/processings"
PROCESSINGS_FIND = "/api/organization/{organization}/processings/find"
PROCESSINGS_PUBLIC_FIND = "/api/processings/public/find"
PROCESSING = "/api/processing/{processing}"
PROGRAMS = "/api/programs"  # extension programs
PROCESSING_INPUTS = "/api/processing/{processing}/inputs"
PROCESSING_INPUT = "/api/processing/{processing}/inputs/{name}"
CHANGES = "/api/datalake/{datalake}/changes"  # extension changes
CONNECTORS_FIND = "/api/organization/{organization}/computeconnectors/find"
CONNECTOR = "/api/compute/{connector}"

CHARTS = "/api/datalake/{datalake}/charts/"  # the only trailing slash of the wire
CHART = "/api/datalake/charts/{chart}"
VISUAL_STATUS = "/api/visual-search/datalake/{datalake}/status"
VISUAL_COUNT = "/api/visual-search/datalake/{datalake}/points/count"
VISUAL_SCROLL = "/api/visual-search/datalake/{datalake}/points/scroll"
