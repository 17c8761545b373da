"use strict";
// The theme leaves its search without a name for those who hear the page.
document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
