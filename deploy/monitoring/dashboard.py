"""The Grafana dashboard, as data. `python build/make_chart.py` writes it to deploy/monitoring/dashboard.json."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

UID = "mintmark"
SERVERS = '{instance=~"$instance"}'  # in every query; the other labels of a series come before it
WIDTH, HEIGHT = 8, 8  # of a panel; a row has 24
_OK, _REFUSED = 'code="OK"', 'code!="OK"'
_PHOTOS = 'model=~"coin_search|coin_search_all|coin_enroll"'


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Attributes:
        expression: PromQL, for the servers that are chosen.
        legend: of its series, in Grafana's words.
    """

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: of it.
        unit: of its values, by Grafana's names.
        queries: it shows.
        kind: timeseries or stat.
        gpu: whether its series are there on a GPU alone.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    gpu: bool = False


def _of(metric: str, *labels: str) -> str:
    """A metric of the servers that are chosen."""
    return f"{metric}{{{','.join([*labels, SERVERS[1:-1]])}}}"


def _rate(metric: str, *labels: str) -> str:
    return f"rate({_of(metric, *labels)}[$__rate_interval])"


def _quantile(share: float, metric: str, *labels: str) -> str:
    return f"histogram_quantile({share}, sum by (le) ({_rate(f'{metric}_bucket', *labels)}))"


_SEARCHES = 'model="coin_search"'

ROWS: dict[str, tuple[Panel, ...]] = {
    "At a glance": (
        Panel("Ready", "none", (Query(f"min by (instance) ({_of('mintmark_ready')})", "{{instance}}"),), "stat"),
        Panel(
            "Photos a second",
            "reqps",
            (Query(f"sum by (model) ({_rate('mintmark_requests_total', _OK, _PHOTOS)})", "{{model}}"),),
        ),
        Panel(
            "What photos show",
            "reqps",
            (Query(f"sum by (result) ({_rate('mintmark_photos_total')})", "{{result}}"),),
        ),
    ),
    "Refusals": (
        Panel(
            "Whose fault",
            "reqps",
            (Query(f"sum by (fault) ({_rate('mintmark_requests_total', _REFUSED)})", "{{fault}}"),),
        ),
        Panel(
            "By code",
            "reqps",
            (Query(f"sum by (code) ({_rate('mintmark_requests_total', _REFUSED)})", "{{code}}"),),
        ),
        Panel(
            "The coin's probability",
            "percentunit",
            tuple(Query(_quantile(share, "mintmark_coin_probability"), f"p{share * 100:g}") for share in (0.05, 0.5)),
        ),
    ),
    "Time": (
        Panel(
            "A search takes",
            "s",
            tuple(
                Query(_quantile(share, "mintmark_request_seconds", _SEARCHES), f"p{share * 100:g}")
                for share in (0.5, 0.95, 0.99)
            ),
        ),
        Panel(
            "A photo waits",
            "s",
            (
                Query(
                    f"sum by (instance) ({_rate('nv_inference_queue_duration_us')}) / clamp_min(sum by (instance) "
                    f"({_rate('nv_inference_count', _PHOTOS)}), 1e-3) / 1e6",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Requests that wait",
            "none",
            (Query(f"sum by (model) ({_of('nv_inference_pending_request_count')})", "{{model}}"),),
        ),
        Panel(
            "Steps of a photo (CPU)",
            "s",
            (
                Query(
                    f"sum by (step) ({_rate('mintmark_step_seconds_total')}) / scalar(sum"
                    f"({_rate('mintmark_step_photos_total')}))",
                    "{{step}}",
                ),
            ),
        ),
        Panel(
            "Comparison of reliefs, a photo",
            "s",
            (
                Query(
                    f"sum({_rate('mintmark_verification_seconds_total')}) / sum"
                    f"({_rate('mintmark_verified_queries_total')})",
                    "seconds",
                ),
            ),
        ),
        Panel(
            "Candidates of a photo",
            "none",
            (
                Query(
                    f"sum({_rate('mintmark_candidates_total')}) / sum({_rate('mintmark_verified_queries_total')})",
                    "views",
                ),
            ),
        ),
    ),
    "Catalog": (
        Panel(
            "Entries and views",
            "none",
            (
                Query(f"max({_of('mintmark_catalog_entries')})", "entries"),
                Query(f"max({_of('mintmark_catalog_views')})", "views"),
            ),
        ),
        Panel(
            "Views that wait for reembed",
            "none",
            (
                Query(f"max({_of('mintmark_catalog_stale_views')})", "without embedding"),
                Query(f"max({_of('mintmark_catalog_views_without_relief')})", "without relief"),
            ),
        ),
        Panel(
            "Store",
            "none",
            (
                Query(f"sum by (instance) ({_rate('mintmark_catalog_failures_total')})", "failures {{instance}}"),
                Query(f"min by (instance) ({_of('mintmark_catalog_writable')})", "writable {{instance}}"),
            ),
        ),
        Panel(
            "Disk that is free",
            "percentunit",
            (
                Query(
                    f"{_of('mintmark_catalog_disk_free_bytes')} / {_of('mintmark_catalog_disk_bytes')}",
                    "{{instance}}",
                ),
            ),
        ),
    ),
    "Machine": (
        Panel("Processors", "percentunit", (Query(_of("nv_cpu_utilization"), "{{instance}}"),)),
        Panel("Memory", "bytes", (Query(_of("nv_cpu_memory_used_bytes"), "{{instance}}"),)),
        Panel("GPU", "percentunit", (Query(_of("nv_gpu_utilization"), "{{instance}} {{gpu_uuid}}"),), gpu=True),
        Panel(
            "Memory of the GPU",
            "percentunit",
            (
                Query(
                    f"{_of('nv_gpu_memory_used_bytes')} / {_of('nv_gpu_memory_total_bytes')}",
                    "{{instance}} {{gpu_uuid}}",
                ),
            ),
            gpu=True,
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """The dashboard in Grafana's JSON."""
    return {
        "title": "Mintmark",
        "uid": UID,
        "tags": ["mintmark"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _instances()]},
        "panels": list(_panels()),
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _instances() -> dict[str, Any]:
    return {
        "name": "instance",
        "label": "Servers",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": "label_values(mintmark_ready, instance)",
        "refresh": 2,  # when the time range changes
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


_DATASOURCE = {"type": "prometheus", "uid": "${source}"}


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}
        y += 1
        for place, panel in enumerate(panels):
            number += 1
            line, column = divmod(place, 24 // WIDTH)
            where = {"x": column * WIDTH, "y": y + line * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield _panel(panel, number, where)
        y += -(-len(panels) // (24 // WIDTH)) * HEIGHT


def _panel(panel: Panel, number: int, where: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "gridPos": where,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": letter, "datasource": _DATASOURCE, "expr": query.expression, "legendFormat": query.legend}
            for letter, query in zip("ABCD", panel.queries, strict=False)
        ],
    }
