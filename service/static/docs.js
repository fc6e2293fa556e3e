"use strict";

// Swagger UI over the service's own document; addresses are relative, for proxies with a prefix.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true });
