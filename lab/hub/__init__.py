"""The lab's hub: a real kube-apiserver on a real etcd, with the CRDs of the projects whose controllers `lab.physics` plays."""
