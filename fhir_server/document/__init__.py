"""Names, shapes and encodings of what is stored: the storage model, said once.

Pure: imports `resources` and `model`, no driver and no await. `layout` names collections, fields and indexes; `entry`
builds and asks for search entries, `position` those of places; `codec` turns a `Version` into the stored document and
back. The extractor (writing) and the compiler (asking) both import from here, so that they cannot disagree.
"""
