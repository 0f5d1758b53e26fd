"""Every environment variable of Mintmark, named once. docs/deployment.md says how to set those of a container."""

# The catalog
CATALOG = "MINTMARK_CATALOG"  # where it lies: a folder, or milvus://…
INDEX = "MINTMARK_INDEX"  # kind of its index, such as Flat or HNSW32
CANDIDATES = "MINTMARK_CANDIDATES"  # views that a search compares by their relief, unless a request says otherwise
MOST_CANDIDATES = "MINTMARK_MOST_CANDIDATES"  # the most that a request may ask for

# Who may do what
TOKEN = "MINTMARK_TOKEN"  # lets its holder change the catalog; for the client, the token that it sends
TOKENS = "MINTMARK_TOKENS"  # more of these, each with its holder's name for the history: anna:TOKEN bert:TOKEN
READ_TOKEN = "MINTMARK_READ_TOKEN"  # lets its holder only read
MILVUS_TOKEN = "MINTMARK_MILVUS_TOKEN"  # the server sends it to Milvus
ADMIN_KEY = "MINTMARK_ADMIN_KEY"  # opens the operator's endpoints
PRIORITY_TOKEN = "MINTMARK_PRIORITY_TOKEN"  # lets its holder overtake others

GATE_ONLY = (ADMIN_KEY, PRIORITY_TOKEN)  # Triton and its models have no use for them
SECRETS = (TOKEN, TOKENS, READ_TOKEN, MILVUS_TOKEN, *GATE_ONLY)  # never written to a log
FILE = "_FILE"  # after the name of a secret: the name of the variable that holds a file with the secret

# The server
LIMITS = "MINTMARK_LIMITS"  # what one request may cost, such as photo_bytes=8000000, see ensemble/limits.py
TRITON = "MINTMARK_TRITON"  # folder of the unpacked Triton wheel
CACHE = "MINTMARK_CACHE"  # folder of engines and compiled graphs
LOG_FORMAT = "MINTMARK_LOG_FORMAT"  # text or json
TRACES = "MINTMARK_TRACES"  # OpenTelemetry collector that gets traces over HTTP, such as http://collector:4318
AUDIT = "MINTMARK_AUDIT"  # file of the audit log; - is the container's output
DRAIN = "MINTMARK_DRAIN"  # s for which a container that stops serves on while it says that it is not ready
AUDIT_SOCKET = "MINTMARK_AUDIT_SOCKET"  # to which processes say what it should hold; the server sets it
CORE_LOCKS = "MINTMARK_CORE_LOCKS"  # folder in which the workers agree on slots; the server sets it

HTTP = "MINTMARK_HTTP"  # 1 turns HTTP on
HTTP_HOSTS = "MINTMARK_HTTP_HOSTS"  # names by which HTTP is asked, besides those of loopback; with spaces between
HTTP_ORIGINS = "MINTMARK_HTTP_ORIGINS"  # web pages that may ask over HTTP, such as https://coins.example

# What is served, instead of what lies in this checkout
WEIGHTS = "MINTMARK_WEIGHTS"  # folder of the weights in their compact form
MODELS = "MINTMARK_MODELS"  # model repository; a container's image has one of its own

# The container
TARGET = "MINTMARK_TARGET"  # gpu or cpu
CORES = "MINTMARK_CORES"  # cores to use, on the target cpu
CUDA_POOL_MIB = "MINTMARK_CUDA_POOL_MIB"  # size of Triton's pool of GPU memory
TLS_CERT_FILE = "MINTMARK_TLS_CERT_FILE"  # certificate of the gRPC port
TLS_KEY_FILE = "MINTMARK_TLS_KEY_FILE"  # its key
TLS_CLIENT_CA_FILE = "MINTMARK_TLS_CLIENT_CA_FILE"  # authority of the clients that may connect
REPOSITORY = "MINTMARK_REPOSITORY"  # model repository that Triton reads, assembled at the start
SOCKETS = "MINTMARK_SOCKETS"  # folder of the sockets between Triton and its gate
BACKENDS = "MINTMARK_BACKENDS"  # folder of backends, instead of Triton's own
BUILDER = "MINTMARK_BUILDER"  # command that makes what the target lacks: engines or configs
TRITONSERVER = "MINTMARK_TRITONSERVER"  # Triton's binary

# Compose files: the container's device, memory, ports and volume on its host
DEVICE = "MINTMARK_DEVICE"  # GPU or MIG slice
MEMORY = "MINTMARK_MEMORY"  # that the container may use, such as 6g
GRPC_PORT = "MINTMARK_GRPC_PORT"
HTTP_PORT = "MINTMARK_HTTP_PORT"
METRICS_PORT = "MINTMARK_METRICS_PORT"
TLS_PORT = "MINTMARK_TLS_PORT"  # gRPC with TLS, on every address
WEB_NAME = "MINTMARK_WEB_NAME"  # by which browsers ask the gateway
WEB_PORT = "MINTMARK_WEB_PORT"  # of the gateway
WEB_ADDRESS = "MINTMARK_WEB_ADDRESS"  # on which the slim container's gateway is published
CACHE_VOLUME = "MINTMARK_CACHE_VOLUME"  # name of the volume with the cache

# The client
URL = "MINTMARK_URL"  # HOST:PORT of the server

# Tests
MILVUS_SERVER = "MINTMARK_MILVUS_SERVER"  # folder of the Milvus server that they start, see build/get_milvus.py
SERVE_PYTHON = "MINTMARK_SERVE_PYTHON"  # the Python that runs the server
KILLS = "MINTMARK_KILLS"  # how often the catalog's server is killed
ROWS = "MINTMARK_ROWS"  # rows of the table that is enrolled while client and server are killed
