// `make compat` adds what is missing, goes in its newest version above all, to a copy of this file.
module goes_store/compat

go 1.25
