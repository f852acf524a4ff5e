"""Wire models: one file per resource, shared by the client and the embedded platform.

Nothing here sends, stores or decides: these are the models, the routes and the limits of the datalake API.
"""
