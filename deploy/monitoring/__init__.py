"""What watches the server: rules and alerts for Prometheus, a dashboard for Grafana."""
