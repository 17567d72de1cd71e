/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets the page's language before anything is painted. A classic script in
 * <head>, because a module would run too late and the page would flicker.
 */
'use strict';
(function () {
    let chosen = null;
    try {
        chosen = localStorage.getItem('wspush-lang');
    } catch { /* storage may be forbidden; the default is fine */ }
    if (chosen !== 'en' && chosen !== 'zh-Hans')
        chosen = /^zh\b/i.test(navigator.language) ? 'zh-Hans' : 'en';
    document.documentElement.lang = chosen;
})();
