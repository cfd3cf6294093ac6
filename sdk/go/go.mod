module trimtab

go 1.25
