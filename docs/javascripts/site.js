"use strict";
// The theme leaves its search without a name for those who hear the page.
document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
// Code and tables that are wider than the page can be reached by keyboard; the theme wraps tables a moment later.
const reach = () => {
  for (const block of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
  }
};
const article = document.querySelector("article");
new ResizeObserver(reach).observe(article);
new MutationObserver(reach).observe(article, { childList: true, subtree: true });
