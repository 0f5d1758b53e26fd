"""Several Mintmark servers on one Milvus behind one balancer, as on several machines."""
