module kube2iam-to-kiam/lab/client

go 1.24
